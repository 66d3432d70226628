#!/usr/bin/env python3
"""Prints the records that TensorFlow writes for the values in tensorboard_test.cpp, in hexadecimal digits, with their
times. Needs tensorflow and tensorboard."""

import glob
import tempfile

import numpy
import tensorflow as tf

folder = tempfile.mkdtemp()
with tf.summary.create_file_writer(folder).as_default():
    tf.summary.scalar("epoch_loss", 0.25, step=3)
    tf.summary.histogram("dense/kernel/histogram", numpy.array([-1, 0.5, 2, 2, 0.25, -0.75]), step=130)
data = open(glob.glob(folder + "/*")[0], "rb").read()
while data:
    size = 16 + int.from_bytes(data[:8], "little")
    event = tf.compat.v1.Event.FromString(data[12 : size - 4])
    print(repr(event.wall_time), data[:size].hex(), sep="\n")
    data = data[size:]
