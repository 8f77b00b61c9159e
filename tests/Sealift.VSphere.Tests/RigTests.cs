using System.Text;
using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>The rig is as strict as a real server: else nothing that passes with it would say anything.</summary>
public sealed class RigTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("<name>a</name><memory>false</memory><quiesce>false</quiesce>", "NotAuthenticated")] // well formed: it gets as far as the session
    [InlineData("<name>a</name><quiesce>false</quiesce><memory>false</memory>", "memory comes after quiesce")]
    [InlineData("<name>a</name><memory>false</memory>", "lacks quiesce")]
    [InlineData("<name>a</name><name>b</name><memory>false</memory><quiesce>false</quiesce>", "name twice")]
    [InlineData("<name>a</name><memory>false</memory><quiesce>false</quiesce><colour>red</colour>", "has no colour")]
    public async Task Elements_come_in_the_order_of_the_schema_or_are_refused(string arguments, string says)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        using var handler = new SocketsHttpHandler();
        ServerTrust.Pinned(server.Sha256).Apply(handler.SslOptions, _ => { });
        using var http = new HttpClient(handler);
        using var content = new StringContent(Soap.Envelope($"<CreateSnapshot_Task xmlns=\"urn:vim25\"><_this type=\"VirtualMachine\">vm-1</_this>{arguments}</CreateSnapshot_Task>"), Encoding.UTF8, "text/xml");
        using var reply = await http.PostAsync(new Uri(server.Address, "sdk"), content, Cancel);
        Assert.Equal(500, (int)reply.StatusCode);
        Assert.Contains(says, await reply.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }
}
