using System.Security.Cryptography;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests.Seals;

public sealed class SealKeyTests : IDisposable
{
    private readonly string state = Directory.CreateTempSubdirectory("seal-key-").FullName;

    public void Dispose() => Directory.Delete(state, recursive: true);

    [Fact]
    public void First_use_makes_a_key_that_only_its_owner_reaches()
    {
        using var key = SealKey.OpenOrCreate(state);
        using var again = SealKey.OpenOrCreate(state);
        Assert.Equal(key.KeyId, again.KeyId);
        Assert.Equal(0x1C0, FileFacts.OfPath(Path.Combine(state, "keys")).Permissions);
        Assert.Equal(0x180, FileFacts.OfPath(Path.Combine(state, "keys", "seal.key")).Permissions);
        using var public_ = SealPublicKey.Open(key.PublicKeyPath);
        Assert.Equal(key.KeyId, public_.KeyId);
        Assert.Equal(2, Directory.GetFiles(Path.Combine(state, "keys")).Length);
    }

    [Theory]
    [InlineData("seal.key", 0x1A0 /* 0640 */)]
    [InlineData("seal.key", 0x184 /* 0604 */)]
    [InlineData("", 0x1ED /* 0755 */)]
    public void A_key_that_others_reach_is_refused(string file, int permissions)
    {
        SealKey.OpenOrCreate(state).Dispose();
        PosixPath.SetPermissions(Path.Combine(state, "keys", file), permissions);
        Assert.Equal("SL7502", Assert.Throws<SealiftException>(() => SealKey.OpenOrCreate(state)).Code);
    }

    [Fact]
    public void Another_public_key_beside_the_key_is_refused()
    {
        SealKey.OpenOrCreate(state).Dispose();
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(SealKey.PublicKeyPathOf(state), other.ExportSubjectPublicKeyInfoPem());
        Assert.Equal("SL7505", Assert.Throws<SealiftException>(() => SealKey.OpenOrCreate(state)).Code);
    }

    [Fact]
    public void What_is_no_p256_key_is_refused()
    {
        var path = Path.Combine(state, "k.pub");
        using var rsa = RSA.Create(2048);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        foreach (var content in new[] { "", "no key", rsa.ExportSubjectPublicKeyInfoPem(), p384.ExportSubjectPublicKeyInfoPem(), new string('x', 20_000) })
        {
            File.WriteAllText(path, content);
            Assert.Equal("SL7503", Assert.Throws<SealiftException>(() => SealPublicKey.Open(path)).Code);
        }
    }

    [Fact]
    public void Processes_that_race_for_the_first_use_end_with_one_key()
    {
        // What another process does between our look and our rename: the name is taken by the time we want it.
        for (var i = 0; i < 20; i++)
        {
            var racing = Path.Combine(state, $"race{i}");
            using var there = SealKey.OpenOrCreate(Path.Combine(state, $"other{i}"));
            var keys = Path.Combine(racing, "keys");
            PosixPath.EnsureDirectory(racing, 0x1C0);
            PosixPath.CreateDirectory(keys, 0x1C0);
            var ours = Path.Combine(keys, "seal.key");
            string? id = null;
            var thread = new Thread(() =>
            {
                using var key = SealKey.OpenOrCreate(racing);
                id = key.KeyId;
            });
            thread.Start();
            var temporary = Path.Combine(racing, "stranger");
            File.Copy(Path.Combine(state, $"other{i}", "keys", "seal.key"), temporary);
            var won = true;
            try
            {
                PosixPath.Rename(temporary, ours, replace: false);
            }
            catch (PosixException e) when (e.Errno == Errno.EEXIST)
            {
                won = false;
            }

            thread.Join();
            using var final = SealKey.OpenOrCreate(racing);
            Assert.Equal(final.KeyId, id);
            Assert.Equal(won, final.KeyId == there.KeyId);
            Assert.Equal(["seal.key", "seal.pub"], Directory.GetFiles(keys).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        }
    }
}
