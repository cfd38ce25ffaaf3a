"""Settings come from the environment, and a mistake in one is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, described, from_environment, is_loopback, to_environment


def test_nothing_set_gives_the_defaults() -> None:
    """`make serve` needs no setting."""
    assert from_environment({"HOME": "/root"}) == Settings()


def test_values_are_read_by_type() -> None:
    """A path, a number, a time and a choice arrive as what they are."""
    environment = {
        "MULGAM_REGISTRY": "models", "MULGAM_PORT": "9000", "MULGAM_BODY_TIMEOUT": "2.5",
        "MULGAM_BACKEND": "onnxruntime",
    }  # fmt: skip
    settings = from_environment(environment)
    assert settings.registry == Path("models")
    assert (settings.port, settings.body_timeout, settings.backend) == (9000, 2.5, "onnxruntime")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MULGAM_PROT", "1", "MULGAM_PROT is no setting of Mulgam; did you mean MULGAM_PORT?"),
        ("MULGAM_XYZZY", "1", "MULGAM_XYZZY is no setting of Mulgam; known are MULGAM_ADMIN_HOST,"),
        ("MULGAM_PORT", "http", "MULGAM_PORT is 'http'; it must be a whole number from 1 to 65535."),
        ("MULGAM_PORT", "70000", "MULGAM_PORT is 70000; it must be a whole number from 1 to 65535."),
        ("MULGAM_BODY_TIMEOUT", "nan", "MULGAM_BODY_TIMEOUT is nan; it must be a number from 0.1 to 600."),
        ("MULGAM_BACKEND", "triton", "MULGAM_BACKEND is 'triton'; it must be one of torchserve, onnxruntime, oip."),
        ("MULGAM_REGISTRY", "", "MULGAM_REGISTRY is empty; it must name a folder."),
        ("MULGAM_APP_HOOK", "mine.py", "MULGAM_APP_HOOK is 'mine.py'; it must be module:function."),
    ],
)
def test_a_mistake_is_named(name: str, value: str, sentence: str) -> None:
    """An unknown name or an unfit value is refused with what was expected."""
    with pytest.raises(SettingsError) as caught:
        from_environment({name: value})
    assert str(caught.value).startswith(sentence)


def test_what_kubernetes_injects_is_ignored() -> None:
    """The variables of a Kubernetes Service called `mulgam` are no settings."""
    injected = {
        "MULGAM_SERVICE_HOST": "10.0.0.1",
        "MULGAM_SERVICE_PORT": "80",
        "MULGAM_SERVICE_PORT_HTTP": "80",
        "MULGAM_PORT": "tcp://10.0.0.1:80",
        "MULGAM_PORT_80_TCP": "tcp://10.0.0.1:80",
        "MULGAM_PORT_80_TCP_ADDR": "10.0.0.1",
        "MULGAM_GATEWAY_PORT": "tcp://10.0.0.2:80",
    }
    assert from_environment(injected) == Settings()


def test_settings_travel_to_a_child_process_unchanged() -> None:
    """What is written to the environment is read back equal."""
    settings = from_environment({"MULGAM_PORT": "9000", "MULGAM_READY_INTERVAL": "0.25", "MULGAM_DEVICE": "cpu"})
    assert from_environment(to_environment(settings)) == settings


def test_every_setting_is_described() -> None:
    """Each has a sentence for `--help` and the docs."""
    assert all(text for _, _, text in described())


def test_health_is_public_on_loopback_only_unless_told() -> None:
    """Health and metrics are shown on the public port where nobody else can reach it, or where the setting says so."""
    assert Settings().shows_health
    assert not Settings(host="0.0.0.0").shows_health
    assert Settings(host="0.0.0.0", public_health="yes").shows_health
    assert not Settings(public_health="no").shows_health


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_told(host: str, expected: bool) -> None:
    """Only addresses of this machine alone count as loopback."""
    assert is_loopback(host) is expected


def test_a_hook_that_grpc_would_pass_by_is_refused() -> None:
    """It may be what keeps callers out: then another door must not be open in silence."""
    with pytest.raises(SettingsError, match="unset it, or MULGAM_GRPC_PORT"):
        from_environment({"MULGAM_APP_HOOK": "mine:install", "MULGAM_GRPC_PORT": "9000"})
    assert from_environment({"MULGAM_APP_HOOK": "my.own:install"}).app_hook == "my.own:install"
