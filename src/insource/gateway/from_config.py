"""Make the settings of a gateway from the configuration: its upstreams and its admission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from insource.config.gateway import UpstreamSection
from insource.config.reference import AskedModel
from insource.config.sections import Config
from insource.foundation.errors import ConfigError
from insource.gateway.admission.ask import AdmitAll, Admitter
from insource.gateway.admission.keys import Access, KeyAdmitter, TaskRules
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.http.address import UpstreamKind, UpstreamSettings
from insource.gateway.settings import REFERENCE, PassThrough
from insource.logs.discovery.rules import FILE_NAME, TaskFinder, load_rules
from insource.models.transport import is_loopback
from insource.providers.price_bound import Price

_MB = 1 << 20

# The base URLs that the providers' own clients use.
BASE_URLS: dict[UpstreamKind, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
# The environment variables that usually hold a provider's key. They are used for its public address only, so
# that no other host receives the key.
_KEY_VARIABLES: dict[UpstreamKind, str] = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
}
_KINDS: dict[str, UpstreamKind] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure": "azure",
    "gemini": "gemini",
}


def key_admitter(
    config: Config, ledger: KeyLedger, price: Price, *, exposed: bool, others: Sequence[Config] = ()
) -> KeyAdmitter:
    """Return the admission by virtual keys; callers without one are admitted unless a key is required.

    ``exposed`` means that other machines can reach the gateway. ``others`` are the projects whose tasks are
    answered too. Raises as ``pass_through``.
    """
    sections = _sections(config)
    access = {name: _access(_upstream(name, section), section) for name, section in sections.items()}
    for one in (*others, config):
        reference = one.reference
        access[reference_name(config, one)] = Access(reference.base_url, reference.api_key_env)
    return KeyAdmitter(
        ledger,
        rules=TaskRules.of(config, others),
        upstreams=access,
        price=price,
        require_key=exposed or config.gateway.require_key,
    )


def reference_name(host: Config, project: Config) -> str:
    """Return the name of a project's cloud among the upstreams that keys are bound to."""
    same = (host.reference.base_url, host.reference.api_key_env) == (
        project.reference.base_url,
        project.reference.api_key_env,
    )
    return REFERENCE if same else f"{REFERENCE}:{project.task.name}"


def tier_of(config: Config) -> AskedModel | None:
    """Return the cheaper cloud model that ``routing.tier`` names, None without one.

    It has to be reached as the cloud of the task is, because it gets the caller's key.

    Raises:
        ConfigError: ``config-invalid``.
    """
    wanted, reference = config.routing.tier, config.reference
    if not wanted:
        return None
    found = next((tier for tier in reference.also if tier.model == wanted), None)
    if found is None:
        raise ConfigError(
            "config-invalid",
            f"routing.tier is {wanted!r}, which is none of [[reference.also]].",
            hint=f'Add [[reference.also]] with model = "{wanted}", which measures it, too.',
        )
    if (found.base_url, found.api_key_env) != (reference.base_url, reference.api_key_env):
        raise ConfigError(
            "config-invalid",
            f"routing.tier is {wanted!r}, which has another base_url or api_key_env than [reference], so "
            "that a caller's key would go to another provider.",
            hint="Name a tier of the same provider, or reach both through one proxy.",
        )
    return found


def pass_through(
    config: Config, admission: Admitter | None = None, *, workspace: Path | None = None
) -> PassThrough:
    """Return the settings of forwarding: OpenAI, Anthropic and the configured upstreams.

    If the project's task is local-only, only upstreams on this machine are kept. ``workspace`` is the folder
    that may hold the rules of discovered tasks.

    Raises:
        ConfigError: ``config-invalid`` for an upstream without a base URL; ``rules-invalid``.
    """
    upstreams = [_upstream(name, section) for name, section in _sections(config).items()]
    if config.task.privacy == "local-only":
        upstreams = [upstream for upstream in upstreams if is_loopback(upstream.base_url)]
    return PassThrough(
        upstreams=tuple(upstreams),
        admission=admission or AdmitAll(),
        stream_usage=config.gateway.stream_usage,
        max_body_bytes=int(config.gateway.max_body_mb * _MB),
        max_upload_bytes=int(config.gateway.max_upload_mb * _MB),
        task_of=None if workspace is None else _task_of(workspace),
    )


def _task_of(workspace: Path) -> Callable[[dict[str, Any]], str] | None:
    rules = load_rules(workspace / FILE_NAME)
    return TaskFinder(rules, redacted=False).task_of if rules.rule else None


def upstream_names(config: Config) -> tuple[str, ...]:
    """Return the names that a key can be bound to: the upstreams and the task's cloud."""
    return (*_sections(config), REFERENCE)


def _sections(config: Config) -> dict[str, UpstreamSection]:
    return {"openai": UpstreamSection(), "anthropic": UpstreamSection()} | config.upstreams


def _access(upstream: UpstreamSettings, section: UpstreamSection) -> Access:
    public = upstream.base_url == BASE_URLS.get(upstream.kind)
    usual = _KEY_VARIABLES.get(upstream.kind, "") if public else ""
    return Access(upstream.base_url, section.api_key_env or usual)


def _upstream(name: str, section: UpstreamSection) -> UpstreamSettings:
    kind = section.kind or _KINDS.get(name, "openai")
    # An upstream with a name of the user's own needs an address: the user probably forgot it.
    base_url = section.base_url or (BASE_URLS.get(kind) if section.kind or name in _KINDS else None)
    if not base_url:
        raise ConfigError(
            "config-invalid",
            f"upstreams.{name} has no base_url.",
            hint=f"Set `base_url` under [upstreams.{name}] to what the provider's own clients are given.",
        )
    return UpstreamSettings(
        name=name,
        kind=kind,
        base_url=base_url,
        timeout_s=section.timeout_s,
        connect_timeout_s=section.connect_timeout_s,
        retries=section.retries,
    )
