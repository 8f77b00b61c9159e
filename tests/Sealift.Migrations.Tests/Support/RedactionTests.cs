using System.Text;
using Sealift.Migrations.Support;

namespace Sealift.Migrations.Tests.Support;

public sealed class RedactionTests
{
    private const string Secret = "Zq9w-hunter2-Kx7";

    /// <summary>Nobody on this host knows it: only the words around it tell what it is.</summary>
    [Theory]
    [InlineData("password=Zq9w-hunter2-Kx7 libdir=/opt", "libdir=/opt")]
    [InlineData("password = Zq9w-hunter2-Kx7", "password")]
    [InlineData("db_password: 'Zq9w-hunter2-Kx7'", "db_password")]
    [InlineData("\"password\": \"Zq9w-hunter2-Kx7\", \"disk\": 1", "\"disk\": 1")]
    [InlineData("{\\\"passwd\\\":\\\"Zq9w-hunter2-Kx7\\\"}", "passwd")]
    [InlineData("Passphrase: correct Zq9w-hunter2-Kx7 battery\nnext line", "next line")]
    [InlineData("password:\n  Zq9w-hunter2-Kx7\nnext line", "next line")]
    [InlineData("secret=Zq9w-\\\n   hunter2-Kx7 Zq9w", "secret")]
    [InlineData("nbdkit: vddk[1]: debug: config key=password, value=Zq9w-hunter2-Kx7", "config key=password")]
    [InlineData("<vim25:password>Zq9w-hunter2-Kx7</vim25:password>", "</vim25:password>")]
    [InlineData("<graphics type='vnc' passwd='Zq9w-hunter2-Kx7' port='5900'/>", "port='5900'")]
    [InlineData("virt-v2v --password Zq9w-hunter2-Kx7 -o local", "-o local")]
    [InlineData("guestfish --key 1b2c:key:Zq9w-hunter2-Kx7 -a disk.img", "-a disk.img")]
    [InlineData("sshpass -p Zq9w-hunter2-Kx7 ssh esx", "ssh esx")]
    [InlineData("vpx://root:Zq9w-hunter2-Kx7@esx01/DC?no_verify=1", "@esx01/DC?no_verify=1")]
    [InlineData("https://user:pa/Zq9w-hunter2-Kx7#x@esx01/folder", "https://user:")]
    [InlineData("https://user:8443/Zq9w-hunter2-Kx7 is a path", "https://user:8443/")]
    [InlineData("> Cookie: vmware_soap_session=\"Zq9w-hunter2-Kx7\"; Path=/\nnext line", "next line")]
    [InlineData("Authorization: Basic\n  Zq9w-hunter2-Kx7\nnext line", "next line")]
    [InlineData("Proxy-Authorization: Digest username=\"u\", response=\"Zq9w-hunter2-Kx7\"", "Proxy-Authorization")]
    [InlineData("X-Auth-Token: Zq9w-hunter2-Kx7", "X-Auth-Token")]
    [InlineData("sent Bearer Zq9w-hunter2-Kx7 to it", "to it")]
    [InlineData("VMWARE_SOAP_SESSION=Zq9w-hunter2-Kx7", "VMWARE_SOAP_SESSION")]
    [InlineData("p\0a\0s\0s\0w\0o\0r\0d\0=\0Z\0q\09\0w\0-\0h\0u\0n\0t\0e\0r\02\0-\0K\0x\07\0", "password=")]
    [InlineData("pass\u001b[1mword\u001b[0m=Zq9w-hunter2-Kx7", "password=")]
    public void A_word_that_says_what_a_secret_is_takes_it_out(string text, string stays)
    {
        var redaction = new Redaction(new KnownSecrets());
        var plain = redaction.Text(text);
        Assert.Contains(stays, plain, StringComparison.Ordinal);
        if (text.StartsWith("https://user:8443", StringComparison.Ordinal))
        {
            Assert.Empty(redaction.Counts); // a port, and a path that nothing says is a secret
            return;
        }

        Assert.DoesNotContain("hunter2", plain, StringComparison.Ordinal);
        Assert.True(redaction.Counts.Values.Sum() > 0);
        Assert.Equal(plain, redaction.Text(plain)); // what is taken out stays out, and is not counted twice
    }

    [Theory]
    [InlineData("pass 1: 3 MiB had changed; 4 MiB read in 0.3 s, 2 MiB read back")]
    [InlineData("{\"Key\":\"disk1\",\"Root\":\"337355fe9d3b2ca1e0bd2545e6337355fe9d3b2ca1e0bd2545e6337355fe9d3b\"}")]
    [InlineData("GET https://esx01:443/folder/web01/web01-flat.vmdk?dcPath=ha-datacenter&dsName=ds1")]
    [InlineData("qemu+ssh://root@host/system/web01 and nbd://127.0.0.1:10809/disk")]
    [InlineData("/srv/vms/.sealift-261123-025949-tj3/disk1.source.blockmap: 65536 bytes at offset 1048576")]
    [InlineData("e2fsck 1.47.0 (5-Feb-2023)\nPass 1: Checking inodes, blocks, and sizes\nPass 2: Checking directory structure")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0\n-----END CERTIFICATE-----\n")]
    [InlineData("--password-file /etc/sealift/vcenter --key-file=x")]
    public void What_is_no_secret_stays(string text)
    {
        var redaction = new Redaction(new KnownSecrets());
        Assert.Equal(text, redaction.Text(text));
        Assert.Empty(redaction.Counts);
    }

    public static TheoryData<string, string> Spellings
    {
        get
        {
            const string Known = "p&ss'w<ö>rd \"7\\/%";
            var utf8 = Encoding.UTF8.GetBytes(Known);
            return new TheoryData<string, string>
            {
                { Known, $"it said {Known} twice" },
                { Known, $"Basic: {Convert.ToBase64String(Encoding.UTF8.GetBytes($"administrator:{Known}"))}" },
                { Known, $"{Convert.ToBase64String(utf8)} alone" },
                { Known, $"path/{Convert.ToBase64String(Encoding.UTF8.GetBytes($"x{Known}y"))}" },
                { Known, $"twice {Convert.ToBase64String(Encoding.UTF8.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes($"ab{Known}"))))}" },
                { Known, Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('a', 100) + Known + new string('b', 200)), Base64FormattingOptions.InsertLineBreaks) },
                { Known, Convert.ToHexString(utf8) },
                { Known, Convert.ToHexStringLower(utf8) },
                { Known, $"https://esx/?p={Uri.EscapeDataString(Known)}&q=1" },
                { Known, $"<x>{System.Security.SecurityElement.Escape(Known)}</x>" },
                { Known, $"{{\"x\":\"{System.Text.Json.JsonEncodedText.Encode(Known)}\"}}" },
                { Known, $"it said {Known[..5]}\n{Known[5..]} here" },
                { Known, string.Join('\n', Known.Chunk(1).Select(c => new string(c))) },
                { Known, $"it said {Known[..5]}\\n{Known[5..]} here" },
                { Known, $"it said {string.Join('\0', Known.Chunk(1).Select(c => new string(c)))} here" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Spellings))]
    public void A_secret_that_is_known_is_found_in_every_spelling(string secret, string text)
    {
        var known = new KnownSecrets();
        Assert.True(known.Add(secret));
        var redaction = new Redaction(known);
        var plain = redaction.Text(text);
        Assert.Contains("[removed: ", plain, StringComparison.Ordinal);
        Assert.False(redaction.HasKnown(plain));
        Assert.DoesNotContain("rd \"7", plain, StringComparison.Ordinal);
        Assert.Empty(new Redaction(known).Find(plain));
    }

    [Fact]
    public void Keys_in_PEM_go_however_they_are_cut_or_quoted()
    {
        using var key = System.Security.Cryptography.RSA.Create(2048);
        var pem = key.ExportPkcs8PrivateKeyPem();
        var lines = pem.Split('\n');
        var body = lines[5];
        foreach (var text in new[]
        {
            $"before\n{pem}\nafter",
            $"before {pem.Replace("\n", "\\n", StringComparison.Ordinal)} after",
            $"before\n{string.Join('\n', lines.Select(l => $"guestfs: [{l}]"))}\nafter",
            $"before\n{string.Join('\n', lines[..20])}\nafter that", // its end is cut off
            $"before it\n{string.Join('\n', lines[3..])}\nafter", // and its beginning
            $"before\n{Convert.ToBase64String(Encoding.ASCII.GetBytes(pem), Base64FormattingOptions.InsertLineBreaks)}\n(after)", // a word of the same alphabet might belong to it, and would go too
        })
        {
            var redaction = new Redaction(new KnownSecrets());
            var plain = redaction.Text(text);
            Assert.DoesNotContain(body, plain, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.ASCII.GetBytes(body))[4..40], plain.ReplaceLineEndings(string.Empty), StringComparison.Ordinal);
            Assert.Contains("before", plain, StringComparison.Ordinal);
            Assert.Contains("after", plain, StringComparison.Ordinal);
            Assert.True(redaction.Counts.Values.Sum() >= 1);
        }
    }

    [Fact]
    public void A_short_secret_is_not_looked_for_and_that_is_said()
    {
        var known = new KnownSecrets();
        Assert.False(known.Add("abc"));
        Assert.Equal("abc", new Redaction(known).Text("abc"));
    }

    [Fact]
    public void Text_that_was_made_to_take_long_does_not()
    {
        var redaction = new Redaction(new KnownSecrets());
        var clock = System.Diagnostics.Stopwatch.StartNew();
        foreach (var unit in new[] { "password", "https://a:", "-----BEGIN ", "-----END ", "key:\n", "Cookie:\n ", "QUJD", "password=\\\n", "<password " })
        {
            var text = string.Concat(Enumerable.Repeat(unit, (1 << 20) / unit.Length));
            _ = redaction.Text(text);
        }

        Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"it took {clock.Elapsed}");
        Assert.DoesNotContain(Secret, redaction.Text($"password={Secret}"), StringComparison.Ordinal);
    }
}
