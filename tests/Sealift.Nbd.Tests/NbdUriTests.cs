namespace Sealift.Nbd.Tests;

public sealed class NbdUriTests
{
    [Theory]
    [InlineData("nbd://host", "host", 10809, null, "", false, "nbd://host/")]
    [InlineData("nbd://host:1234/", "host", 1234, null, "", false, "nbd://host:1234/")]
    [InlineData("nbds://[::1]:10809/a%20b", "::1", 10809, null, "a b", true, "nbds://[::1]/a%20b")]
    [InlineData("NBD://Host//leading/slash", "host", 10809, null, "/leading/slash", false, "nbd://host/%2Fleading%2Fslash")]
    [InlineData("nbd://user:secret@host/x?unknown=1", "host", 10809, null, "x", false, "nbd://host/x")]
    [InlineData("nbd+unix:///?socket=/run/a b.sock", null, 0, "/run/a b.sock", "", false, "nbd+unix:///?socket=/run/a%20b.sock")]
    [InlineData("nbds+unix:///disk%3F?socket=%2Frun%2Fs", null, 0, "/run/s", "disk?", true, "nbds+unix:///disk%3F?socket=/run/s")]
    public void Parses(string text, string? host, int port, string? socket, string export, bool tls, string canonical)
    {
        var uri = NbdUri.Parse(text);
        Assert.Equal((host, port, socket, export, tls), (uri.Host, uri.Port, uri.SocketPath, uri.ExportName, uri.UsesTls));
        Assert.Equal(canonical, uri.ToString());
        Assert.Equal(uri, NbdUri.Parse(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData("host:10809")]
    [InlineData("http://host/")]
    [InlineData("nbd+vsock://2/")]
    [InlineData("nbd:///export")]
    [InlineData("nbd://ho st/")]
    [InlineData("nbd://host:0/")]
    [InlineData("nbd://host:65536/")]
    [InlineData("nbd://host:x/")]
    [InlineData("nbd://[::1/")]
    [InlineData("nbd://[::1]x/")]
    [InlineData("nbd://host/%")]
    [InlineData("nbd://host/%zz")]
    [InlineData("nbd://host/%00")]
    [InlineData("nbd://host/#fragment")]
    [InlineData("nbd://host/?socket=/s")]
    [InlineData("nbd://host/?tls-psk-file=/k")]
    [InlineData("nbds://host/?tls-verify-peer=0")]
    [InlineData("nbd+unix://host/?socket=/s")]
    [InlineData("nbd+unix:///export")]
    [InlineData("nbd://user:secret@host:x/")]
    public void Refuses(string text)
    {
        var e = Assert.Throws<NbdException>(() => NbdUri.Parse(text));
        Assert.Equal("SL3001", e.Code);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }
}
