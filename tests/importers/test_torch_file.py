"""The restricted reader gives the tensors of a file and runs nothing in it."""

import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from assistant.errors import BundleError
from assistant.importers.torch_file import Inert, TensorRef, TorchFile, state_dict_of


def read(path: Path) -> dict[str, torch.Tensor]:
    with TorchFile(path) as file:
        return {key: file.load(ref) for key, ref in state_dict_of(file).items()}


def save_pickle(path: Path, data: bytes, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """A file of torch.save's layout round a hand-made pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", struct.pack("<4f", 1, 2, 3, 4))
    return path


class Calls:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8],
)
def test_tensors_come_back_as_they_were_saved(tmp_path, dtype):
    saved = {"a": torch.arange(12).reshape(3, 4).to(dtype), "b": torch.tensor(7).to(dtype)}
    torch.save(saved, tmp_path / "x.pt")
    found = read(tmp_path / "x.pt")
    assert found.keys() == saved.keys()
    assert all(torch.equal(found[key], saved[key]) and found[key].dtype == dtype for key in saved)


def test_views_parameters_and_empty_tensors_come_back(tmp_path):
    base = torch.arange(20.0).reshape(4, 5)
    saved = {
        "rows": base[1:3],
        "transposed": base.t(),
        "whole": base,
        "parameter": nn.Parameter(base.clone()),
        "none": torch.empty(0, 3),
    }
    saved["parameter"].note = "a parameter that carries an attribute"
    torch.save(saved, tmp_path / "x.pt")
    found = read(tmp_path / "x.pt")
    assert all(torch.equal(found[key], saved[key]) for key in saved)


def test_a_state_dict_with_its_metadata_and_a_lightning_checkpoint_are_found(tmp_path):
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    torch.save(module.state_dict(), tmp_path / "plain.pth")
    lightning = {"epoch": 2, "state_dict": module.state_dict(), "hyper_parameters": {"lr": 1e-4}}
    torch.save(lightning, tmp_path / "lightning.ckpt")
    for path in (tmp_path / "plain.pth", tmp_path / "lightning.ckpt"):
        found = read(path)
        assert all(torch.equal(found[k], v) for k, v in module.state_dict().items())


def test_no_byte_of_a_tensor_is_read_before_it_is_asked_for(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "x.pt")
    with TorchFile(tmp_path / "x.pt") as file:
        (ref,) = file.content.values()
        assert isinstance(ref, TensorRef)
        assert (ref.shape, ref.dtype) == ((3,), torch.float32)


def test_a_hostile_checkpoint_gives_its_tensors_and_runs_nothing(tmp_path, monkeypatch):
    """What `torch.load(weights_only=False)` would run, and what any unpickler could import."""
    touched = tmp_path / "touched"
    code = f"open({str(touched)!r}, 'w').close()"
    (tmp_path / "imported_by_a_pickle.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    import imported_by_a_pickle as bait  # so that its class can be pickled; then forgotten

    bait.Thing = type("Thing", (), {"__module__": bait.__name__, "__qualname__": "Thing"})
    content = {
        "system": Calls(os.system, f"touch {touched}"),
        "eval": Calls(eval, code),
        "exec": Calls(exec, code),
        "nested": [Calls(getattr, Calls(__import__, "os"), "system"), {"x": Calls(eval, code)}],
        "loops": bait.Thing(),
        "state_dict": OrderedDict(weight=torch.tensor([1.0, 2.0])),
    }
    torch.save(content, tmp_path / "hostile.ckpt")
    del sys.modules["imported_by_a_pickle"]
    touched.unlink()
    with TorchFile(tmp_path / "hostile.ckpt") as file:
        assert file.load(state_dict_of(file)["weight"]).tolist() == [1.0, 2.0]
        for key in ("system", "eval", "exec", "loops"):
            assert isinstance(file.content[key], Inert)
        assert "system" in repr(file.content["system"])
    assert not touched.exists()
    assert "imported_by_a_pickle" not in sys.modules


def test_the_hostile_file_of_these_tests_would_do_harm_elsewhere(tmp_path):
    """Guards the test above: the same payload runs in an ordinary unpickler."""
    touched = tmp_path / "touched"
    data = pickle.dumps(Calls(eval, f"open({str(touched)!r}, 'w').close()"))
    pickle.loads(data)
    assert touched.exists()
    touched.unlink()
    save_pickle(tmp_path / "x.pt", data)
    with TorchFile(tmp_path / "x.pt") as file:
        assert isinstance(file.content, Inert)
    assert not touched.exists()


def test_state_set_on_what_stands_for_torchs_functions_is_dropped(tmp_path):
    """BUILD on a function would change its defaults for every file read afterwards."""
    pickled = b"ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__K\x01s\x86b."
    save_pickle(tmp_path / "x.pt", pickled)
    with TorchFile(tmp_path / "x.pt"):
        pass
    torch.save({"a": torch.ones(2)}, tmp_path / "y.pt")
    assert read(tmp_path / "y.pt")["a"].tolist() == [1.0, 1.0]


def tensor_pickle(*, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """A pickle of one tensor on storage 0, which has 4 floats."""

    class Storage:
        pass

    class Rebuilt:
        def __reduce__(self) -> tuple[object, ...]:
            rebuild = torch._utils._rebuild_tensor_v2
            return rebuild, (Storage(), offset, shape, stride, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            if isinstance(obj, Storage):
                return ("storage", torch.FloatStorage, "0", "cpu", 4)
            return None

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump({"a": Rebuilt()})
    return buffer.getvalue()


def test_a_tensor_inside_its_storage_is_read(tmp_path):
    path = save_pickle(tmp_path / "x.pt", tensor_pickle(offset=1, shape=(3,), stride=(1,)))
    assert read(path)["a"].tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (5,), (1,)),
        (2, (3,), (1,)),
        (0, (2, 2), (3, 2)),
        (0, (10**12,), (0,)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
    ],
)
def test_a_tensor_that_reaches_past_its_storage_is_refused(tmp_path, offset, shape, stride):
    data = tensor_pickle(offset=offset, shape=shape, stride=stride)
    with pytest.raises(BundleError, match="cannot be read"):
        read(save_pickle(tmp_path / "x.pt", data))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "cannot be read"),
        (b"\x80\x02}q\x00", "cannot be read"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "memo entry"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.", "cannot be read"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "persistent id"),
        (b"(" * 100 + b".", "cannot be read"),
    ],
)
def test_damaged_and_greedy_pickles_are_refused(tmp_path, data, text):
    with pytest.raises(BundleError, match=text):
        read(save_pickle(tmp_path / "x.pt", data))


def test_compressed_members_are_refused(tmp_path):
    path = save_pickle(tmp_path / "x.pt", pickle.dumps({"a": 1}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="compressed"):
        read(path)


def test_missing_foreign_and_old_files_are_named(tmp_path):
    with pytest.raises(BundleError, match=r"no\.ckpt is missing"):
        read(tmp_path / "no.ckpt")
    torch.save({"a": torch.ones(1)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(BundleError, match=r"PyTorch 1\.6"):
        read(tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BundleError, match=r"none that torch\.save wrote"):
        read(tmp_path / "other.zip")


def test_entries_that_are_no_tensors_are_all_named(tmp_path):
    torch.save({"a": torch.ones(1), "b": 3, "c": Calls(eval, "1")}, tmp_path / "x.pt")
    with pytest.raises(BundleError, match=r"'b' \(3\), 'c' \(<inert .*eval>\)"):
        read(tmp_path / "x.pt")
    torch.save([torch.ones(1)], tmp_path / "y.pt")
    with pytest.raises(BundleError, match="no state dict"):
        read(tmp_path / "y.pt")
