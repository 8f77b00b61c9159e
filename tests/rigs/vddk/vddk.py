# A stand-in for nbdkit's vddk plugin: its parameters, its manners, its limits. Which bytes it serves it asks the vCenter of the rig.
import errno
import hashlib
import http.client
import json
import os
import re
import signal
import ssl
import time

import nbdkit

API_VERSION = 2

KNOWN = {"file", "server", "user", "password", "thumbprint", "vm", "snapshot", "libdir", "transports", "compression", "single-link", "port",
         "nfchostport", "config", "cookie", "unbuffered"}
given = {}


def config(key, value):
    if key not in KNOWN:
        raise RuntimeError(f"unknown parameter '{key}'")
    if key == "compression" and value not in ("none", "zlib", "fastlz", "skipz"):
        raise RuntimeError(f"unknown compression type: {value}")
    if key == "password" and value.startswith("-"):
        with os.fdopen(int(value[1:])) as secret:
            value = secret.readline().rstrip("\n")
    elif key == "password" and value.startswith("+"):
        with open(value[1:]) as secret:
            value = secret.readline().rstrip("\n")
    given[key] = value


def config_complete():
    for key in ("file", "server", "user", "password", "thumbprint", "vm"):
        if key not in given:
            raise RuntimeError(f"remote connection requested, missing parameter: {key}")
    if "libdir" in given and not os.path.isdir(given["libdir"]):
        raise RuntimeError(f"libvixDiskLib.so.7: cannot open shared object file: No such file or directory\n\nIf '{given['libdir']}' is located on a non-standard path you may need to set libdir=/path/to/vmware-vix-disklib-distrib.")


def ask():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as the library: the thumbprint decides
    server = http.client.HTTPSConnection(given["server"], int(given.get("port", "443")), context=context, timeout=30)
    server.connect()
    shown = ":".join(f"{b:02X}" for b in hashlib.sha1(server.sock.getpeercert(binary_form=True)).digest())
    if not re.fullmatch("([0-9A-Fa-f]{2}:){19}[0-9A-Fa-f]{2}", given["thumbprint"]) or given["thumbprint"].upper() != shown:
        nbdkit.debug(f"VixDiskLibVim: Failed to verify SSL certificate: actual thumbprint={shown} expected={given['thumbprint']}")
        raise RuntimeError("VixDiskLib_ConnectEx: The host certificate chain is not complete or does not match: SSL exception")
    if not given["vm"].startswith("moref="):
        raise RuntimeError("VixDiskLib_ConnectEx: The virtual machine cannot be found")
    question = {"user": given["user"], "password": given["password"], "vm": given["vm"][len("moref="):], "snapshot": given.get("snapshot", ""), "file": given["file"]}
    server.request("POST", "/rig/open", json.dumps(question))
    reply = server.getresponse()
    text = reply.read()
    server.close()
    if reply.status != 200:
        raise RuntimeError(f"VixDiskLib_Open: {text.decode()}")
    return json.loads(text)


def open(readonly):
    answer = ask()
    if "error" in answer:
        raise RuntimeError(answer["error"])
    if answer["fault"]["hangOnOpen"]:
        time.sleep(3600)
    answer["fd"] = os.open(answer["path"], os.O_RDONLY)
    answer["reads"] = 0
    return answer


def close(h):
    os.close(h["fd"])


def get_size(h):
    return h["length"]


def block_size(h):
    return (512, 4096, 0xffffffff)


def pread(h, buffer, offset, flags):
    length = len(buffer)
    if offset % 512 or length % 512:
        nbdkit.set_error(errno.EINVAL)
        raise RuntimeError("read is not aligned to sectors")
    if length > h["limit"]:
        nbdkit.set_error(errno.EIO)
        raise RuntimeError(f"[NFC ERROR] NfcFssrvrProcessErrorMsg: received NFC error 5 from server: Failed to allocate the requested {length + 24} bytes")
    h["reads"] += 1
    fault = h["fault"]
    if fault["dieAfterReads"] and h["reads"] > fault["dieAfterReads"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault["failAfterReads"] and h["reads"] > fault["failAfterReads"]:
        nbdkit.set_error(errno.EIO)
        raise RuntimeError("VixDiskLib_Read: Unknown error")
    read = os.preadv(h["fd"], [buffer], offset)
    if read < length:
        buffer[read:] = bytes(length - read)


def can_extents(h):
    return True


def extents(h, count, offset, flags):
    found, end = [], offset + count
    while offset < end:
        try:
            data = min(os.lseek(h["fd"], offset, os.SEEK_DATA), end)
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
            data = end
        if data > offset:
            found.append((offset, data - offset, nbdkit.EXTENT_HOLE | nbdkit.EXTENT_ZERO))
        if data < end:
            hole = min(os.lseek(h["fd"], data, os.SEEK_HOLE), end)
            found.append((data, hole - data, 0))
            offset = hole
        else:
            offset = end
    return found


def dump_plugin():
    print("vddk_default_libdir=/usr/lib/vmware-vix-disklib")
    if os.path.isdir(given.get("libdir", "/")):
        print("vddk_library_version=8")
