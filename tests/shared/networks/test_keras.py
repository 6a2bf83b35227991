"""Keras files become PyTorch state, and a bad file becomes one readable line."""

import h5py
import numpy as np
import pytest
import torch

from mtlib.base.errors import InputError
from mtlib.networks import keras, released

CRNN = "music-auto_tagging-keras/data/music_tagger_crnn_weights_theano.h5"
COMPACT = "transfer_learning_music/keras2_model/model_best.hdf5"


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def test_theano_kernels_are_flipped_and_tensorflow_kernels_are_moved():
    kernel = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    bias = np.zeros(2, np.float32)
    theano = keras.convolution({"k": kernel, "b": bias}, "k", "b", layout="theano", flip=True)
    assert torch.equal(theano["weight"], torch.from_numpy(kernel[:, :, ::-1, ::-1].copy()))
    moved = {"k": kernel.transpose(2, 3, 1, 0), "b": bias}
    tensorflow = keras.convolution(moved, "k", "b", layout="tensorflow", flip=False)
    assert torch.equal(tensorflow["weight"], torch.from_numpy(kernel))


def test_a_convolution_in_theanos_sense_is_what_the_flipped_kernel_computes():
    from scipy.signal import convolve2d

    rng = np.random.default_rng(0)
    kernel, image = rng.normal(size=(3, 3)).astype(np.float32), rng.normal(size=(9, 11)).astype(np.float32)
    state = keras.convolution(
        {"k": kernel[None, None], "b": np.zeros(1, np.float32)}, "k", "b", layout="theano", flip=True
    )
    ours = torch.nn.functional.conv2d(torch.from_numpy(image)[None, None], state["weight"], padding="same")
    np.testing.assert_allclose(ours[0, 0], convolve2d(image, kernel, mode="same"), atol=1e-5)


def damaged(tmp_path, published):
    """Bad weight files, each with words its message must hold."""
    whole = (published / CRNN).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "page.h5").write_text("<!DOCTYPE html><html>log in</html>")
    (tmp_path / "folder.h5").mkdir()
    with h5py.File(tmp_path / "nothing.h5", "w"):
        pass
    weights = keras.read(published / CRNN)
    poisoned = {name.replace("/", "__"): array for name, array in weights.items()}
    poisoned["conv2__conv2_b"] = np.full_like(poisoned["conv2__conv2_b"], np.nan)
    write(tmp_path / "nan.h5", **poisoned)
    write(tmp_path / "text.h5", conv1__conv1_W=np.array([b"abc"]))
    return {
        "cut.h5": "not a readable HDF5 file",
        "empty.h5": "not a readable HDF5 file",
        "page.h5": "not a readable HDF5 file",
        "folder.h5": "no such weight file",
        "missing.h5": "no such weight file",
        "nothing.h5": "without any array",
        "nan.h5": "conv2/conv2_b holds values that are not finite",
        "text.h5": "not a readable HDF5 file",
    }


def test_bad_files_are_one_readable_line(tmp_path, published):
    for name, words in damaged(tmp_path, published).items():
        with pytest.raises(InputError) as caught:
            keras.read(tmp_path / name)
        message = str(caught.value)
        assert words in message and name in message and "\n" not in message, message


def test_weights_of_another_network_are_refused(published):
    crnn, compact = keras.read(published / CRNN), keras.read(published / COMPACT)
    for build, weights in ((released.crnn, compact), (released.cnn, crnn), (released.compact, crnn)):
        with pytest.raises(InputError, match="weights of another network"):
            build(weights)
    with pytest.raises(InputError, match="weights of another network: size mismatch for gru1"):
        released.crnn({**crnn, "gru1/gru1_W_z": crnn["gru1/gru1_W_z"][:, :8]})
