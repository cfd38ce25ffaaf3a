"""The training loop: seeds, early stopping, divergence, what it leaves behind."""

import io
import threading
from dataclasses import replace

import pytest
import torch

from model.errors import DivergedError, ModelError
from model.networks.network import mlp
from model.recipe.sections import Training
from model.training import loop, threads
from model.training.history import History
from model.training.loop import fit, mean_loss
from model.training.losses import LOSSES
from model.training.optimizers import OPTIMIZERS
from model.training.progress import step, watch
from model.training.rows import Rows

MSE = LOSSES["regression"]["mse"]
SETTINGS = Training(epochs=30, batch_size=16, patience=30, device="cpu")


def rows(count: int, seed: int) -> Rows:
    """Two columns whose product is to be learnt."""
    generator = torch.Generator().manual_seed(seed)
    columns = torch.randn(count, 2, generator=generator)
    return Rows((columns,), columns[:, 0] * columns[:, 1])


TRAIN, VALIDATION = rows(64, 1), rows(32, 2)


def trained(settings: Training, dropout: float = 0.3) -> tuple[torch.nn.Module, History]:
    """A small network after training, and how that went."""
    torch.manual_seed(3)
    network = mlp(2, [8], 1, dropout=dropout)
    torch.seed()  # whatever state a caller is in
    return network, fit(network, TRAIN, VALIDATION, MSE, settings)


def weights(network: torch.nn.Module) -> list[float]:
    """All weights of a network."""
    return torch.cat([parameter.flatten() for parameter in network.parameters()]).tolist()


def test_the_same_seed_gives_the_same_weights() -> None:
    """Two runs with one seed end with equal weights, dropout and shuffling included; another seed does not."""
    one, same, other = (trained(replace(SETTINGS, seed=seed))[0] for seed in (5, 5, 6))
    assert weights(one) == weights(same)
    assert weights(one) != weights(other)


def test_the_seed_orders_the_rows() -> None:
    """Without dropout, too, another seed takes the rows in another order."""
    one, same, other = (trained(replace(SETTINGS, seed=seed), dropout=0.0)[0] for seed in (5, 5, 6))
    assert weights(one) == weights(same)
    assert weights(one) != weights(other)


def test_training_leaves_the_callers_random_state_alone() -> None:
    """What a caller draws after training does not depend on training."""
    torch.manual_seed(11)
    expected = torch.rand(3).tolist()
    network = mlp(2, [4], 1, dropout=0.5)
    torch.manual_seed(11)
    fit(network, TRAIN, VALIDATION, MSE, SETTINGS)
    assert torch.rand(3).tolist() == expected


def test_the_best_epochs_weights_are_kept() -> None:
    """After a run that got worse again the network has the weights of its lowest validation loss."""
    network, history = trained(replace(SETTINGS, learning_rate=0.5, epochs=40, patience=40))
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert history.best - 1 == losses.index(min(losses)) != len(losses) - 1
    assert mean_loss(network, VALIDATION, MSE) == pytest.approx(min(losses), rel=1e-6)


def test_training_stops_after_patience_epochs_without_a_better_one() -> None:
    """With patience 3 a run ends three epochs after its best."""
    _, history = trained(replace(SETTINGS, learning_rate=0.5, epochs=1000, patience=3))
    assert len(history.epochs) == history.best + 3 < 1000


def test_the_validation_loss_is_a_mean_over_rows() -> None:
    """A last batch with fewer rows does not count more than its rows."""
    network = mlp(2, [], 1)
    assert mean_loss(network, VALIDATION, MSE, batch_size=5) == pytest.approx(
        mean_loss(network, VALIDATION, MSE, batch_size=32), rel=1e-5
    )


def test_a_regression_loss_compares_row_with_row() -> None:
    """The network's [N, 1] and the target's [N] are not broadcast to all pairs."""
    target = torch.tensor([1.0, 2.0, 3.0])
    assert MSE(target[:, None], target).item() == 0.0


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_learns(optimizer: str) -> None:
    """Each optimizer brings the training loss down."""
    _, history = trained(replace(SETTINGS, optimizer=optimizer, learning_rate=0.02), dropout=0.0)
    assert history.epochs[-1].train_loss < 0.9 * history.epochs[0].train_loss


def test_divergence_is_an_error_with_a_way_out() -> None:
    """A loss that is no finite number ends the run, naming the epoch and the learning rate."""
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+.*learning_rate than 1e\+30"):
        trained(replace(SETTINGS, optimizer="sgd", learning_rate=1e30))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gpu` without a GPU is an error, `auto` then means the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loop.device("auto").type == "cpu"
    with pytest.raises(ModelError, match="no GPU"):
        loop.device("gpu")


def test_progress_is_plain_lines_where_nobody_watches() -> None:
    """On a pipe the first epoch is told in one line, and those that follow at once are not."""
    stream = io.StringIO()
    with watch("tiny", 10, stream) as watcher:
        for epoch in (1, 2, 3):
            watcher(epoch, 0.25, epoch)
    assert stream.getvalue() == "training tiny: epoch 1 of at most 10, validation loss 0.25 (best: epoch 1)\n"


def test_progress_tells_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line tells how long all other epochs would take, by those after the first."""
    times = iter([100.0, 110.0, 130.0])
    monkeypatch.setattr("model.training.progress.time.monotonic", lambda: next(times))
    stream = io.StringIO()
    with watch("tiny", 10, stream) as watcher:
        assert watcher is not None
        for epoch in (4, 5, 7):
            watcher(epoch, 0.25, 4)
    assert [line.rpartition("), ")[2] for line in stream.getvalue().splitlines()[1:]] == [
        "at most 0:00:50 left", "at most 0:00:30 left"
    ]  # fmt: skip


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar shows the epochs and the validation loss."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    with watch("tiny", 10, stream) as watcher:
        watcher(10, 0.25, 4)
    assert "10/10" in stream.getvalue()
    assert "validation loss 0.25 (best: epoch 4)" in stream.getvalue()


def test_a_long_step_is_named_while_it_lasts() -> None:
    """Where nobody watches: one line once it has lasted a while, and none of a short one."""
    told = threading.Event()

    class Stream(io.StringIO):
        def flush(self) -> None:
            told.set()

    stream = Stream()
    with step("fitting the baseline mean", stream, patience=60):
        pass
    assert stream.getvalue() == ""
    with step("fitting the baseline mean", stream, patience=0.01):
        assert told.wait(20)
    assert stream.getvalue() == "fitting the baseline mean …\n"


def test_small_steps_take_one_thread_and_large_ones_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network trains on one thread, a large one on torch's number, which training leaves as it was."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    used: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    assert threads.suited(mlp(2, [8], 1), 256) == 1
    assert threads.suited(mlp(1000, [1000], 1), 256) == 7
    trained(SETTINGS)
    assert used == [1, 7]
