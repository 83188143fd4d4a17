"""Untrusted model files and checkpoints: no code in them runs, and other files are not accepted as models."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from brian_siamsnn.model.files import load_model, read_model
from tests.helpers.messages import refused
from tests.helpers.pickles import Canary, poison


def test_a_pickle_given_as_a_model_is_never_loaded(tmp_path):
    marker = tmp_path / "ran"
    for content in poison(marker):
        (tmp_path / "model.safetensors").write_bytes(content)
        with refused(tmp_path / "model.safetensors"):
            load_model(tmp_path / "model.safetensors")
    assert not marker.exists()


def test_the_pickles_of_these_tests_would_run_code(tmp_path):
    for content in poison(tmp_path / "ran"):
        pickle.loads(content)
        (tmp_path / "ran").unlink()  # raises if nothing ran


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_given_as_a_checkpoint_is_never_loaded(tmp_path):
    torch = pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    from brian_siamsnn.model.checkpoints import import_checkpoint

    marker, path = tmp_path / "ran", tmp_path / "checkpoint.pt"
    contents = list(poison(marker))
    buffer = io.BytesIO()
    torch.save({"conv1.weight": Canary(marker), "fine": torch.zeros(2)}, buffer)
    contents.append(buffer.getvalue())
    # an archive as made by torch.save, with another pickle inside
    for malicious in list(contents[:-1]):
        inside = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as old, zipfile.ZipFile(inside, "w") as new:
            for name in old.namelist():
                new.writestr(name, malicious if name.endswith("data.pkl") else old.read(name))
        contents.append(inside.getvalue())
    for content in contents:
        path.write_bytes(content)
        with refused(path, "PyTorch", "torch.save(network.state_dict(), ...)"):
            import_checkpoint(path)
    assert not marker.exists()


def test_a_folder_given_as_a_model_is_refused(tmp_path):
    with refused(tmp_path, "folder"):
        read_model(tmp_path)


def test_an_unsupported_number_type_is_named(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"conv9.weight": np.zeros(3, np.int8)}, {"brian_siamsnn": "{}"}))
    with refused(path, "conv9.weight", "F16", "F32", "F64", "I8"):
        read_model(path)


@pytest.mark.parametrize(("text", "named"), [("3", ["JSON", "int"]), ("[" * 10000, []), ("{", [])])
def test_an_invalid_description_is_refused(tmp_path, text, named):
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"a": np.zeros(3, np.float32)}, {"brian_siamsnn": text}))
    with refused(path, *named):
        read_model(path)
