"""The server's process: what it must be sure of, its socket, and its end."""

import errno
import os
import signal
import socket
from importlib import import_module

from app.cli.output import console
from app.config.settings import Settings, get_settings
from app.core.exceptions import ConfigurationError
from app.managers.system_manager import SystemManager, get_system_manager
from app.managers.time_manager.clock import SystemClock
from app.managers.user_manager import UserManager
from app.models.database import close_databases, session_factory
from app.monitoring.logs import show_problems_on_terminal
from app.repositories.unit_of_work import UnitOfWork
from app.services.security.exposure import require_safe_to_serve

SERVER = "app.api.serving"
"""By name: the command line and the API do not know each other."""
LAST_WORDS_S = 30.0
_BACKLOG = 2_048


def serve(host: str | None, port: int | None) -> None:
    """Serve until a signal to end; Ctrl-C and SIGTERM are the ordinary ends, SIGHUP is one too.

    Raises:
        ConfigurationError: it would not be safe, the database is not ready, or the address
            cannot be had; nothing was started.
    """
    settings = _settings(host, port)
    with UnitOfWork(session_factory(settings.database_url)) as work:
        users = work.users.count()
    require_safe_to_serve(settings, users)
    listening = _listen(settings)
    system = get_system_manager()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        show_problems_on_terminal()
        _introduce(settings, listening.getsockname()[1])
        import_module(SERVER).run(settings, listening)
    except KeyboardInterrupt:
        pass  # uvicorn has ended, and raises the signal again
    finally:
        listening.close()
        _end(system)


def _settings(host: str | None, port: int | None) -> Settings:
    """The process's settings; what was said on the command line counts before them."""
    for name, value in (("API_HOST", host), ("API_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    get_settings.cache_clear()
    return get_settings()


def _listen(settings: Settings) -> socket.socket:
    """A socket that is bound: a port in use is found before anything is started."""
    host, port = settings.api_host.strip("[]"), settings.api_port
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except socket.gaierror as error:
        raise ConfigurationError(f"API_HOST: {host!r} is no address: {error.strerror}") from error
    except OSError as error:
        raise ConfigurationError(_why_not(error, host, port)) from error
    listening.listen(_BACKLOG)
    listening.set_inheritable(True)
    return listening


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"API_PORT: {port} on {host} is in use: end what uses it, or take another --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"API_HOST: {host} is not an address of this machine"
    if error.errno == errno.EACCES:
        return f"API_PORT: {port} may not be used by you; take one from 1024 on"
    return f"API_HOST: {host}:{port} cannot be listened on: {error.strerror}"


def _introduce(settings: Settings, port: int) -> None:
    """Say where it is; and to who starts it first, how to become its admin."""
    host = settings.api_host
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    lines = [f"MisMartera listens on http://{shown}:{port}", f"  API    http://{shown}:{port}/docs"]
    lines.append(f"  log    {settings.logs_dir / 'app.log'}")
    token = UserManager(settings, clock=SystemClock()).first_admin_token()
    if token is not None:
        lines += [
            "There is no user yet. Who registers with this token within a day is the first admin:",
            f"  {token}",
        ]
    for line in (*lines, "Ctrl-C ends it"):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _end(system: SystemManager) -> None:
    """The application has done this already, unless Ctrl-C came twice."""
    system.stop()
    system.wait(LAST_WORDS_S)
    close_databases()
