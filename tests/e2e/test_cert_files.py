"""Files of every kind that certificates lie in: PKCS#12, DER, encrypted keys, folders."""
import shutil
import subprocess

from pki import LOCAL
from test_cert import is_, once, pki  # noqa: F401 (fixtures)

PASSWORD = "s3cr3t-of-the-tests"  # agent.SECRETS: whatever prints it fails the test


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def file_target(name, path, **settings):
    words = "".join(f", {key}: {value}" for key, value in settings.items())
    return f'  {name}: {{type: cert, checks: {{endpoint: off, file: {{path: "{path}"{words}}}}}}}\n'


def export(pki, name, out, *words, password=PASSWORD):  # noqa: F811
    openssl("pkcs12", "-export", "-in", pki.chain(name), "-inkey", pki.key(name), "-out", out, "-passout", f"pass:{password}", *words)
    return out


def test_pkcs12_is_opened_with_its_password_and_only_with_that(once, pki, tmp_path):  # noqa: F811
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    good, soon = export(pki, "good", tmp_path / "good.p12"), export(pki, "soon", tmp_path / "soon.pfx")
    bare = export(pki, "good", tmp_path / "bare.p12", password="")
    keyless = export(pki, "good", tmp_path / "keyless.p12", "-nokeys")
    damaged, wrong = tmp_path / "damaged.p12", tmp_path / "wrong"
    damaged.write_bytes(good.read_bytes()[:-200])
    wrong.write_text("another")
    given = f'"${{file:{secret}}}"'
    found = once(file_target("good", good, password=given, names=f"[{LOCAL.split(',')[0][4:]}]") + file_target("soon", soon, password=given)
                 + file_target("bare", bare) + file_target("keyless", keyless, password=given) + file_target("none", good)
                 + file_target("wrong", good, password=f'"${{file:{wrong}}}"') + file_target("damaged", damaged, password=given))
    found = {name: next(iter(events.values())) for name, events in found.items()}
    assert PASSWORD not in str(found)
    is_(found["good"], "ok", "ok")
    assert found["good"]["measures"]["key_match"] == 1 and [row["subject"] for row in found["good"]["evidence"]["chain"]] == ["CN=good", "CN=int"]
    is_(found["soon"], "critical", "ok", "expires in 4 days")
    is_(found["bare"], "ok", "ok")
    is_(found["keyless"], "ok", "ok")
    assert "key_match" not in found["keyless"]["measures"]
    for name in ("none", "wrong"):
        is_(found[name], "unknown", "locked", "does not open")
        assert "password" in found[name]["hint"]
    is_(found["damaged"], "critical", "no_certificate")


def test_encrypted_keys_and_der_and_folders(once, pki, tmp_path):  # noqa: F811
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    folder = tmp_path / "certs"
    folder.mkdir()
    for name in ("good", "expired"):
        shutil.copy(pki.chain(name), folder / f"{name}.pem")
    der, locked = tmp_path / "good.der", tmp_path / "locked.key"
    openssl("x509", "-in", pki.chain("good"), "-outform", "DER", "-out", der)
    openssl("pkcs8", "-topk8", "-in", pki.key("good"), "-out", locked, "-passout", f"pass:{PASSWORD}")
    found = once(file_target("der", der, key=locked, password=f'"${{file:{secret}}}"') + file_target("locked", der, key=locked)
                 + file_target("folder", f"{folder}/"), code=2)
    is_(found["der"][str(der)], "ok", "ok")
    assert found["der"][str(der)]["measures"]["key_match"] == 1
    is_(found["locked"][str(der)], "ok", "ok")
    is_(found["locked"][str(locked)], "unknown", "no_key", "is encrypted")
    is_(found["folder"][f"{folder}/good.pem"], "ok", "ok")
    is_(found["folder"][f"{folder}/expired.pem"], "critical", "expired")
