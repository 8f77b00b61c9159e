using Sealift.Posix;

namespace Sealift.Scsi.Tests;

/// <summary>Where a unit is, as it is written; and the secret that does not belong there.</summary>
public sealed class IscsiUriTests
{
    [Theory]
    [InlineData("iscsi://host/iqn.2001-05.com.example:vol/1", "host", 3260, "iqn.2001-05.com.example:vol", 1, null)]
    [InlineData("iscsi://10.0.0.1:3261/eui.0011223344556677/0", "10.0.0.1", 3261, "eui.0011223344556677", 0, null)]
    [InlineData("iscsi://[fe80::1]:3261/iqn.2001-05.com.example%3Avol/255", "fe80::1", 3261, "iqn.2001-05.com.example:vol", 255, null)]
    [InlineData("ISCSI://mover@host/iqn.2001-05.com.example:vol/7", "host", 3260, "iqn.2001-05.com.example:vol", 7, "mover")]
    public void It_is_read_and_written_again(string text, string host, int port, string target, int lun, string? user)
    {
        var uri = IscsiUri.Parse(text);
        Assert.Equal((host, port, target, lun, user), (uri.Host, uri.Port, uri.Target, uri.Lun, uri.User));
        var again = IscsiUri.Parse(uri.ToString());
        Assert.Equal((host, port, target, lun, (string?)null), (again.Host, again.Port, again.Target, again.Lun, again.User));
    }

    [Theory]
    [InlineData("iscsi://")]
    [InlineData("iscsi://host")]
    [InlineData("iscsi://host/iqn.2001-05.com.example:vol")]
    [InlineData("iscsi://host/iqn.2001-05.com.example:vol/1/2")]
    [InlineData("iscsi:///iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://host/vol/1")]
    [InlineData("iscsi://host/iqn.2001-05.com.example:a%20b/1")]
    [InlineData("iscsi://host/iqn.2001-05.com.example:vol/16384")]
    [InlineData("iscsi://host/iqn.2001-05.com.example:vol/-1")]
    [InlineData("iscsi://host:0/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://host:99999/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://[::1/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://::1/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://@host/iqn.2001-05.com.example:vol/1")]
    [InlineData("nbd://host/iqn.2001-05.com.example:vol/1")]
    public void What_is_none_is_refused(string text) => Assert.Equal("SL3201", Assert.Throws<ScsiException>(() => IscsiUri.Parse(text)).Code);

    [Theory]
    [InlineData("iscsi://mover%hunter2@host/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://mover:hunter2@host/iqn.2001-05.com.example:vol/1")]
    [InlineData("iscsi://mover%hunter2@host/nonsense")]
    [InlineData("iscsi://mover%hunter@2@host/iqn.2001-05.com.example:vol/1")]
    public void A_password_in_it_is_refused_and_not_said(string text)
    {
        var refused = Assert.Throws<ScsiException>(() => IscsiUri.Parse(text));
        Assert.Equal("SL3201", refused.Code);
        Assert.DoesNotContain("hunter", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_is_the_first_line_of_a_file()
    {
        var path = Path.GetTempFileName();
        try
        {
            foreach (var (content, password) in new[] { ("pass word\nrest", "pass word"), ("pass", "pass"), ("pass\r\n", "pass") })
            {
                File.WriteAllText(path, content);
                Assert.Equal(password, IscsiOptions.ReadPassword(path));
            }

            foreach (var content in new[] { string.Empty, "\nsecond", new string('x', 256), "a\0b" })
            {
                File.WriteAllText(path, content);
                Assert.Equal("SL3204", Assert.Throws<ScsiException>(() => IscsiOptions.ReadPassword(path)).Code);
            }
        }
        finally
        {
            File.Delete(path);
        }

        Assert.ThrowsAny<SealiftException>(() => IscsiOptions.ReadPassword(path));
    }

    [Fact]
    public void An_initiator_has_a_name()
    {
        Assert.Equal("iqn.2001-05.com.example:me", new IscsiOptions { InitiatorName = "iqn.2001-05.com.example:me" }.Initiator());
        Assert.Equal("SL3205", Assert.Throws<ScsiException>(() => new IscsiOptions { InitiatorName = "me" }.Initiator()).Code);
        Assert.True(IscsiUri.IsName(new IscsiOptions().Initiator()));
    }
}
