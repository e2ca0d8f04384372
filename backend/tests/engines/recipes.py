"""Runs the proxies of deploy/ with TLS from a test CA, on free ports of the loopback address."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.adapters.tls_server import CertificateAuthority
from tests.engines.ports import free_port
from tests.waiting import TIMEOUT_SECONDS, wait_until

DEPLOY = Path(__file__).parents[3] / "deploy"
HOST = "localhost"
_NGINX = """daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/slipway.conf;
}}
"""


class Recipe:
    """A proxy in front of the app and its store. `recipe` is the file of deploy/ that it runs with."""

    def __init__(self, folder: Path, app_port: int, store_port: int) -> None:
        self.folder = folder
        self.ca = CertificateAuthority.make(folder, "ca")
        self.certificate = self.ca.issue("server", host=HOST)
        self.app_port, self.own_store_port = free_port(), free_port()
        self._upstreams = {
            "127.0.0.1:8000": f"127.0.0.1:{app_port}",
            "127.0.0.1:9000": f"127.0.0.1:{store_port}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.app_port}"

    @property
    def store_origin(self) -> str:
        return f"https://{HOST}:{self.own_store_port}"

    def logs(self) -> str:
        """Return everything that the proxy wrote."""
        files = [*self.folder.glob("*.log"), *self.folder.glob("logs/*")]
        return "".join(file.read_text(errors="replace") for file in files)

    def __enter__(self) -> Self:
        with (self.folder / "output.log").open("wb") as output:
            self._process = subprocess.Popen(self._command(), stdout=output, stderr=output)
        wait_until(self._listens, "the proxy listens")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(TIMEOUT_SECONDS)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _real(self, recipe: str, words: dict[str, str]) -> str:
        text = (DEPLOY / recipe).read_text()
        for word, real in {**self._upstreams, **words}.items():
            assert word in text, word
            text = text.replace(word, real)
        return text

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.logs()
        listening = Path("/proc/net/tcp").read_text()
        return all(
            f":{port:04X} 00000000:0000 0A" in listening for port in (self.app_port, self.own_store_port)
        )


class Nginx(Recipe):
    def _command(self) -> list[str]:
        words = {
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.app_port} ssl http2;",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.own_store_port} ssl;",
            "/var/log/nginx": str(self.folder),
            **{
                f"/etc/slipway/tls/{host}.{kind}": str(self.certificate)
                for host in ("store.video.example", "video.example")
                for kind in ("pem", "key")
            },
        }
        (self.folder / "slipway.conf").write_text(self._real("nginx/slipway.conf", words))
        main = self.folder / "nginx.conf"
        main.write_text(_NGINX.format(folder=self.folder))
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
        return [program, "-c", str(main), "-e", str(self.folder / "error.log"), "-p", str(self.folder)]


class Caddy(Recipe):
    def _command(self) -> list[str]:
        tls = f"\ttls {self.certificate} {self.certificate}\n\tbind 127.0.0.1\n"
        words = {
            "{\n\t# Caddy logs": "{\n\tadmin off\n\tauto_https off\n\t# Caddy logs",
            "\nstore.video.example {\n": f"\nhttps://{HOST}:{self.own_store_port} {{\n{tls}",
            "\nvideo.example {\n": f"\nhttps://{HOST}:{self.app_port} {{\n{tls}",
        }
        file = self.folder / "Caddyfile"
        file.write_text(self._real("caddy/Caddyfile", words))
        return ["env", f"HOME={self.folder}", "caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
