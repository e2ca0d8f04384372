"""A CA, and HTTPS servers on loopback with its certificates or with faulty ones."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.adapters.scripted_server import Answer, ScriptedServer

DAY = timedelta(days=1)


@dataclass(frozen=True)
class CertificateAuthority:
    folder: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @classmethod
    def make(cls, folder: Path, name: str) -> "CertificateAuthority":
        """Write the CA's own certificate to `folder`/`name`.pem."""
        made = cls(folder, ec.generate_private_key(ec.SECP256R1()), _name(name))
        made._write(name, made.key, made.name, [x509.BasicConstraints(ca=True, path_length=None)], DAY, -DAY)
        return made

    def issue(
        self, name: str, *, host: str = "127.0.0.1", ends_in: timedelta = DAY, begins_in: timedelta = -DAY
    ) -> Path:
        """Return the file with a key and a certificate for `host`."""
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        names = x509.SubjectAlternativeName([subject])
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, key, _name(host), [names], ends_in, begins_in)

    def _write(
        self,
        file_name: str,
        key: ec.EllipticCurvePrivateKey,
        name: x509.Name,
        extensions: list[x509.ExtensionType],
        ends_in: timedelta,
        begins_in: timedelta,
    ) -> Path:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + begins_in).not_valid_after(now + ends_in)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        pem = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        path = self.folder / f"{file_name}.pem"
        path.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@contextmanager
def https_server(certificate: Path) -> Iterator[str]:
    """Run a server that answers every request with 200, and yield its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ScriptedServer()
    server.script(Answer(200))
    server.use_tls(context)
    with server:
        yield server.url.replace("http://", "https://")
