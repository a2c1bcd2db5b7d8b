"""`alcseg review`: a page in the browser to look through labels, decide and mend; and what is made of it."""

import errno
import getpass
import ipaddress
import logging
import secrets
import socket
import threading
import webbrowser
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from alcseg.audited import Audit
from alcseg.data.folder import Dataset
from alcseg.errors import PackageError, ResourceError, UsageError
from alcseg.records.review_book import ReviewBook
from alcseg.reporting.review_link import PORT
from alcseg.reviewing.exchange import Exported, Imported, export_review, import_labels
from alcseg.reviewing.readers import require_reader
from alcseg.reviewing.reviewed_dataset import Applied, apply_review
from alcseg.reviewing.subject import Subject
from alcseg.words import shorten

__all__ = ["ReviewResult", "book_path", "review"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReviewResult:
    """Where a review stands when the page is closed.

    Attributes:
        dataset: What was reviewed.
        book: The file that holds all decisions.
        cases: Of the queue.
        decided: By any reader.
        verdicts: How many of which.
    """

    dataset: Path
    book: Path
    cases: int
    decided: int
    verdicts: dict[str, int] = field(default_factory=dict)


def review(
    target: "str | PathLike[str] | Dataset | Audit",
    *,
    dataset: "str | PathLike[str] | None" = None,
    book: str | PathLike[str] | None = None,
    reviewer: str | None = None,
    turn: int = 1,
    host: str = "127.0.0.1",
    port: int | None = None,
    tls_cert: str | PathLike[str] | None = None,
    tls_key: str | PathLike[str] | None = None,
    without_tls: bool = False,
    open_browser: bool = True,
    case: str | None = None,
    apply: str | PathLike[str] | None = None,
    export: str | PathLike[str] | None = None,
    import_folder: str | PathLike[str] | None = None,
    as_format: str | None = None,
    series: str | PathLike[str] | None = None,
    labelmap: bool = False,
    overwrite: bool = False,
) -> ReviewResult | Applied | Exported | Imported:
    """Serve the page until it is stopped; or with one of apply, export and import_folder, do that instead.

    Args:
        target: A dataset, one that `correct` wrote, or an audit.
        dataset: The dataset of an audit, where it has moved.
        book: File of drafts and decisions; None: beside the dataset, `<dataset>.review.sqlite`.
        reviewer: Name of the person, which the page can change; None: the name at this computer.
        turn: 1, or 2 and so on where the same person reads the cases again.
        host: Address to listen at.
        port: To listen at; 0: one that is free; None: that to which the links of reports lead, another where
            it is taken.
        tls_cert: Certificate file, needed for any host but this computer.
        tls_key: Its key file.
        without_tls: Serve another host than this computer without TLS all the same.
        open_browser: Whether to open the page.
        case: That the page shows first; None: the first that is not decided.
        apply: Write the dataset in which reviewed cases are `hq` into this folder.
        export: Write `.seg.nrrd` files, or those of `as_format`, and `decisions.jsonl` into this folder.
        import_folder: Take label maps that were mended elsewhere from this folder, as decisions of
            `reviewer`.
        as_format: With `export`, format of the label maps, of `alcseg.data.formats.output.OUTPUTS`.
        series: With `dicom-seg`, folder with the DICOM series of each case, called like it.
        labelmap: With `dicom-seg`, write the type LABELMAP instead of BINARY.
        overwrite: Replace what the folder of `apply` or `export` holds.

    Raises:
        UsageError: If options do not go together.
        DataError: If target or book cannot be used.
        ResourceError: If the page was not built, a package is missing, or the port is taken.
    """
    if sum(option is not None for option in (apply, export, import_folder)) > 1:
        raise UsageError(
            "expected one of --apply, --export and --import, got several. Call one after the other."
        )
    if export is None and (as_format is not None or series is not None or labelmap):
        raise UsageError("--as, --series and --labelmap: expected --export beside them. Leave them out.")
    instead = next(
        (
            flag
            for flag, given in (("--apply", apply), ("--export", export), ("--import", import_folder))
            if given is not None
        ),
        None,
    )
    if instead is not None:
        _refuse(
            f"of the page, and not heard beside {instead}",
            {
                "--case": case is not None,
                "--port": port is not None,
                "--host": host != _LOOPBACK[0],
                "--tls-cert": tls_cert is not None,
                "--tls-key": tls_key is not None,
                "--without-tls": without_tls,
            },
        )
    if instead in ("--apply", "--export"):
        _refuse(
            f"not heard beside {instead}, which takes what all readers have decided",
            {"--reviewer": reviewer is not None, "--pass": turn != 1},
        )
    else:
        _refuse("expected --apply or --export beside it", {"--overwrite": overwrite})
    _check_port(port)
    name = require_reader(_person() if reviewer is None else reviewer, turn)
    subject = Subject.open(target, None if dataset is None else Dataset.open(dataset))
    if dataset is not None and subject.audit is None:
        raise UsageError(
            f"--dataset: expected an audit to review, whose dataset it names, got the dataset "
            f"{subject.dataset.root}. Leave it out."
        )
    if case is not None:
        _require_case(case, subject)
    place = book_path(subject.dataset.root) if book is None else Path(book)
    writes = import_folder is not None or (apply is None and export is None)
    opened = ReviewBook.open(place, labels=subject.dataset.labels, create=writes)
    try:
        if apply is not None:
            return apply_review(subject, opened, Path(apply), overwrite=overwrite)
        if export is not None:
            return export_review(
                subject,
                opened,
                Path(export),
                as_format=as_format or "seg.nrrd",
                series=None if series is None else Path(series),
                labelmap=labelmap,
                overwrite=overwrite,
            )
        if import_folder is not None:
            return import_labels(subject, opened, Path(import_folder), name, turn)
        tls = _tls(host, tls_cert, tls_key, without_tls=without_tls)
        _serve(subject, opened, name, turn, host, port, tls, open_browser=open_browser, case=case)
        verdicts: Counter[str] = Counter(decision.verdict for decision in opened.standing().values())
        cases = {key.case_id for key, decision in opened.standing().items() if decision.verdict != "skip"}
        return ReviewResult(subject.dataset.root, place, len(subject.queue), len(cases), {**verdicts})
    finally:
        opened.close()


def _refuse(why: str, options: Mapping[str, bool]) -> None:
    """Refuse options that are given and that nothing would listen to."""
    if stated := [flag for flag, given in options.items() if given]:
        raise UsageError(f"{', '.join(stated)}: {why}. Leave out {'it' if len(stated) == 1 else 'them'}.")


def book_path(root: Path) -> Path:
    """Where the book of a dataset lies: beside its folder, so that the dataset itself is never written to."""
    whole = root.absolute()
    return whole.with_name(f"{whole.name}.review.sqlite")


def _serve(
    subject: Subject,
    book: ReviewBook,
    reader: str,
    turn: int,
    host: str,
    port: int | None,
    tls: tuple[str, str] | None,
    *,
    open_browser: bool,
    case: str | None,
) -> None:
    try:
        import uvicorn

        from alcseg.reviewing.desk import Desk
        from alcseg.reviewing.server import create_app, require_page
    except ImportError as error:
        raise PackageError(
            f"expected the packages of the review page, found no {error.name}: pip install 'alcseg[review]'."
        ) from None
    require_page()
    listening = _listen(host, port)
    number = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    hosts = frozenset(f"{name}:{number}" for name in (*_LOOPBACK, shown))
    token = secrets.token_urlsafe(24)
    scheme = "https" if tls else "http"
    query = {"token": token, "reader": reader, "pass": turn} | ({} if case is None else {"case": case})
    address = f"{scheme}://{shown}:{number}/?{urlencode(query)}"
    desk = Desk(subject, book)
    app = create_app(desk, token=token, hosts=hosts, secure=bool(tls))
    cert, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    server = uvicorn.Server(config)
    announce = threading.Thread(target=_announce, args=(server, address, open_browser), daemon=True)
    announce.start()
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:  # how a review ends; the server has closed its connections by then
        _log.info("Closed. The same command goes on where you left off.")
    finally:
        server.should_exit = True
        desk.close()
        listening.close()


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _announce(server: Any, address: str, open_browser: bool) -> None:
    """Say where the page is as soon as it answers."""
    wait = threading.Event()
    while not server.started and not server.should_exit:
        wait.wait(0.02)
    if server.should_exit:
        return
    _log.info("The page: %s", address)
    _log.info("Only who has this address can open it. Ctrl-C ends; everything is kept.")
    if open_browser:
        webbrowser.open(address)


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; without a port at that of the links of reports, where it is free."""
    wanted = PORT if port is None else port
    try:
        family = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, wanted), family=family)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            _log.warning(
                "port %d is taken, perhaps by another review: the links of reports do not lead here", PORT
            )
            return _listen(host, 0)
        raise ResourceError(
            f"{host}:{wanted}: expected an address to listen at, found: {error.strerror}. Choose another "
            "--port or --host."
        ) from None
    return listening


def _tls(
    host: str, cert: str | PathLike[str] | None, key: str | PathLike[str] | None, *, without_tls: bool
) -> tuple[str, str] | None:
    """Certificate and key; anywhere but on this computer it is a must, unless told otherwise."""
    if (cert is None) != (key is None):
        raise UsageError("expected --tls-cert and --tls-key together, got one of them.")
    if host in ("0.0.0.0", "::"):
        raise UsageError(
            f"--host {host}: expected the name or address that browsers will call, since no other is "
            "answered. Better stay on this computer and use an SSH tunnel."
        )
    for path in (cert, key):
        if path is not None and not Path(path).is_file():
            raise UsageError(f"{path}: expected a file for TLS, found none. Check the path.")
    if not _is_loopback(host):
        if cert is None and not without_tls:
            raise UsageError(
                f"--host {host}: expected --tls-cert and --tls-key, since images and labels would go through "
                "the network unencrypted. Better stay on this computer and use an SSH tunnel; or pass "
                "--without-tls."
            )
        _log.warning(
            "Listening at %s: whoever reaches it and has the address can see and change labels.", host
        )
    return None if cert is None else (str(cert), str(key))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_case(case: str, subject: Subject) -> None:
    names = [item.case_id for item in subject.queue]
    if case not in names:
        raise UsageError(f"--case: expected one of {shorten(names)}, got '{case}'.")


def _check_port(port: int | None) -> None:
    if port is not None and not 0 <= port <= 65535:
        raise UsageError(f"--port: expected 0 to 65535, got {port}.")


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        return "reader"
