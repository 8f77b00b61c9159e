using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>Tags, by the other API.</summary>
public sealed class TagTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_tags_of_a_machine_come_with_their_categories_in_order()
    {
        await using var server = await VCenter.StartAsync(Cancel, machines: 2);
        await using var client = await server.ConnectAsync(Cancel);
        var (tagged, other) = (await FindAsync(client, "DC0_C0_RP0_VM0"), await FindAsync(client, "DC0_C0_RP0_VM1"));
        await server.TagAsync(tagged, "owner", "team \"ü\" <a>", Cancel);
        await server.TagAsync(tagged, "env", "prod", Cancel);
        Assert.Equal([new VSphereTag("env", "prod"), new VSphereTag("owner", "team \"ü\" <a>")], await client.TagsAsync(tagged, Cancel));
        Assert.Empty(await client.TagsAsync(other, Cancel));
    }

    [Fact]
    public async Task Who_may_not_log_in_there_is_told_so_without_the_password()
    {
        await using var server = await VCenter.StartAsync(Cancel, machines: 1);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await FindAsync(client, "DC0_C0_RP0_VM0");
        await server.AnswerRestAsync(401, "no", Cancel);
        var e = await Assert.ThrowsAsync<VSphereException>(() => client.TagsAsync(machine, Cancel));
        Assert.Equal("SL3304", e.Code);
        Assert.Contains("401", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(VCenter.Password, e.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, "{", "SL3304")]
    [InlineData(200, """{"value":[1]}""", "SL3304")]
    [InlineData(200, """{"value":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}""", "SL3304")]
    [InlineData(500, "", "SL3304")]
    public async Task An_answer_that_cannot_be_is_refused(int status, string body, string code)
    {
        await using var server = await VCenter.StartAsync(Cancel, machines: 1);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await FindAsync(client, "DC0_C0_RP0_VM0");
        await server.AnswerRestAsync(status, body, Cancel);
        Assert.Equal(code, (await Assert.ThrowsAsync<VSphereException>(() => client.TagsAsync(machine, Cancel))).Code);
    }

    [Fact]
    public async Task A_server_without_that_api_has_no_tags()
    {
        await using var server = await VCenter.StartAsync(Cancel, machines: 1);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await FindAsync(client, "DC0_C0_RP0_VM0");
        await server.AnswerRestAsync(404, "", Cancel);
        Assert.Empty(await client.TagsAsync(machine, Cancel));
    }

    private static async Task<ManagedReference> FindAsync(VSphereClient client, string name) =>
        await client.FindByInventoryPathAsync($"DC0/vm/{name}", Cancel) ?? throw new InvalidOperationException($"there is no {name}");
}
