"""Deploys template.yaml, with functions built for this machine, on MiniStack, an
emulator of AWS that is not ours and enforces roles; and tries what is deployed."""

import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile

import boto3
import botocore.exceptions
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from samtranslator.translator.transform import transform

import differences

ROOT = pathlib.Path(__file__).resolve().parents[2]
STACK, AUDIENCE, REGION, ACCOUNT = "seatmeter", "seatmeter", "us-east-1", "000000000000"
PATIENCE_SECONDS = 120


class Issuer:
    """An OIDC issuer, as far as an authorizer asks it."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self.key.public_key().public_numbers()
        keys = {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
                          "n": encoded(numbers.n.to_bytes(256, "big")), "e": encoded(numbers.e.to_bytes(3, "big"))}]}
        documents = {"/keys": keys}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        documents["/.well-known/openid-configuration"] = {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def mint(self, role):
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": role, "role": role, "iat": now, "exp": now + 3600}
        text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return text + "." + encoded(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class MiniStack:
    """Runs in a folder of its own until it is stopped."""

    def __init__(self, folder):
        self.port = free_port()
        self.log = folder / "ministack.log"
        address = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SEATMETER_"))}
        environment = kept | {
            "AUTH": "true", "GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "AWS_ENDPOINT_URL": address,
            "TMPDIR": str(folder), "STATE_DIR": str(folder / "state"),
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "ministack"], cwd=folder, env=environment,
                                            stdout=log, stderr=log, start_new_session=True)
        self.session = boto3.Session("test", "test", region_name=REGION)
        self.address = address
        wait(self.answers, "MiniStack does not answer")

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("MiniStack has ended")
        try:
            return urllib.request.urlopen(self.address + "/_ministack/health", timeout=5).status == 200
        except OSError:
            return False

    def client(self, service, session=None):
        return (session or self.session).client(service, endpoint_url=self.address)

    def stop(self):
        # With the functions, which are processes of its group.
        try:
            os.killpg(self.process.pid, 15)
            self.process.wait(20)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        finally:
            try:
                os.killpg(self.process.pid, 9)
            except ProcessLookupError:
                pass
            self.process.wait()


def wait(ready, otherwise):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.2)


def upload(emulator, folder):
    """Builds the functions, and puts them into a bucket."""
    binaries = folder / "functions"
    binaries.mkdir()
    subprocess.run(["go", "build", "-trimpath", "-tags=lambda.norpc", "-buildvcs=false", "-ldflags=-s -w", "-o", f"{binaries}/", "./functions/..."],
                   cwd=ROOT, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
    storage = emulator.client("s3")
    storage.create_bucket(Bucket="code")
    for binary in binaries.iterdir():
        packed = folder / "packed.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(binary, "bootstrap")
        storage.upload_file(str(packed), "code", binary.name)
        packed.unlink()
        binary.unlink()


class Loader(yaml.SafeLoader):
    """Reads intrinsic functions in their short form."""

    def intrinsic(self, name, node):
        if isinstance(node, yaml.ScalarNode):
            value = self.construct_scalar(node)
            value = value.split(".", 1) if name == "GetAtt" else value
        elif isinstance(node, yaml.SequenceNode):
            value = self.construct_sequence(node, deep=True)
        else:
            value = self.construct_mapping(node, deep=True)
        return {name if name in ("Ref", "Condition") else "Fn::" + name: value}


Loader.add_multi_constructor("!", Loader.intrinsic)


def transformed(port, issuer):
    """The template as SAM transforms it, and changed for MiniStack."""
    read = yaml.load((ROOT / "template.yaml").read_text(), Loader)
    for of in read["Resources"].values():
        if of["Type"] == "AWS::Serverless::Function":
            of["Properties"]["CodeUri"] = {"Bucket": "code", "Key": pathlib.Path(of["Properties"]["CodeUri"]).name}
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    loader = type("NoManagedPolicies", (), {"load": lambda self: {}})()
    return differences.apply(transform(read, {"Issuer": issuer, "Audience": AUDIENCE}, loader), port)


def deploy(emulator, template, issuer):
    """Makes the stack, and returns its outputs."""
    stacks = emulator.client("cloudformation")
    emulator.client("s3").put_object(Bucket="code", Key="template.json", Body=json.dumps(template, default=str).encode())
    stacks.create_stack(
        StackName=STACK, TemplateURL=f"{emulator.address}/code/template.json", Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "Issuer", "ParameterValue": issuer}, {"ParameterKey": "Audience", "ParameterValue": AUDIENCE}])

    def made():
        stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return stack
        if "IN_PROGRESS" not in stack["StackStatus"] or "ROLLBACK" in stack["StackStatus"]:
            events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
            why = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
            raise RuntimeError(f"the stack is {stack['StackStatus']}: {why}")
        return None

    wait(made, "the stack is not made in time")
    return {o["OutputKey"]: o["OutputValue"] for o in made()["Outputs"]}


def smoke(outputs, token):
    """A license, joins over real sockets, a refusal, the report."""
    subprocess.run(["scripts/seatmeter", "smoke", "--http", outputs["HttpUrl"], "--websocket", outputs["WebSocketUrl"]],
                   cwd=ROOT, env=os.environ | {"SEATMETER_TOKEN": token}, check=True)


def reconcile(emulator, outputs):
    """A round of reconciliation, by its function."""
    answer = emulator.client("lambda").invoke(FunctionName=outputs["ReconcileFunctionName"], Payload=b"{}", LogType="Tail")
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    rounds = [line for line in map(parsed, log.splitlines()) if line.get("msg") == "reconciled"]
    if answer.get("FunctionError") or not rounds or rounds[-1]["failed"]:
        raise RuntimeError(f"reconciliation failed: {answer['Payload'].read()} {log}")
    print("ok: a round of reconciliation")


def parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return {}


def refuse(emulator, outputs):
    """Roles are enforced: what reconciliation's does not permit, is refused."""
    function = emulator.client("lambda").get_function(FunctionName=outputs["ReconcileFunctionName"])
    got = emulator.client("sts").assume_role(RoleArn=function["Configuration"]["Role"], RoleSessionName="emulator")["Credentials"]
    session = boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], region_name=REGION)
    emulator.client("dynamodb", session).query(
        TableName=outputs["LiveTableName"], KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "none"}})
    try:
        emulator.client("dynamodb", session).query(
            TableName=outputs["LedgerTableName"], KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "none"}})
    except botocore.exceptions.ClientError as e:
        if e.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"):
            print("ok: a role permits what the template grants, and no more")
            return
        raise
    raise RuntimeError("the role of reconciliation permits to read the ledger")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is stopped
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seatmeter-emulator-"))
    emulator, issuer = None, Issuer()
    try:
        emulator = MiniStack(folder)
        upload(emulator, folder)
        outputs = deploy(emulator, transformed(emulator.port, issuer.url), issuer.url)
        print(f"ok: {len(outputs)} outputs of a deployed stack")
        smoke(outputs, issuer.mint("vendor"))
        reconcile(emulator, outputs)
        refuse(emulator, outputs)
    except (RuntimeError, subprocess.CalledProcessError, botocore.exceptions.ClientError) as e:
        log = emulator.log.read_text(errors="replace") if emulator else ""
        for line in [one for one in log.splitlines() if re.search("ERROR|WARN|denied", one)][-40:]:
            print(line[:1000], file=sys.stderr)
        print(f"scripts/emulator: {e}", file=sys.stderr)
        return 1
    finally:
        if emulator:
            emulator.stop()
        issuer.server.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
