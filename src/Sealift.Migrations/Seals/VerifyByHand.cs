namespace Sealift.Migrations.Seals;

/// <summary>How to verify a seal without Sealift: the same text on every page and in docs/formats/seal.md.</summary>
public static class VerifyByHand
{
    /// <summary>A Python program that needs nothing but Python 3 and openssl, and reads raw disks in files. Its arguments: the seal, the public key.</summary>
    public const string Script = """
        import base64, hashlib, json, os, subprocess, sys

        seal, public_key = sys.argv[1:]
        envelope = json.load(open(seal))
        payload = base64.b64decode(envelope["payload"])
        kind = envelope["payloadType"].encode()
        open("pae.bin", "wb").write(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
        open("sig.der", "wb").write(base64.b64decode(envelope["signatures"][0]["sig"]))
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", public_key, "-signature", "sig.der", "pae.bin"], check=True)

        def root(path, block=65536):  # blkhash: the hash of all block hashes and of the length
            total, length = hashlib.sha256(), 0
            with open(path, "rb") as disk:
                while data := disk.read(block):
                    total.update(hashlib.sha256(data).digest())
                    length += len(data)
            total.update(length.to_bytes(8, "little"))
            return total.hexdigest()

        wrong = 0
        for subject in json.loads(payload)["subject"]:
            path = os.path.join(os.path.dirname(seal), subject["name"])
            (name, digest), = subject["digest"].items()
            found = root(path) if name == "blkhash-sha256-64k" else hashlib.sha256(open(path, "rb").read()).hexdigest()
            wrong += found != digest
            print(subject["name"], "ok" if found == digest else "DIFFERS", found)
        sys.exit(wrong != 0)
        """;
}
