using System.Text.Json;
using Sealift.Disks;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>A machine whose disks the storage copies by itself.</summary>
public sealed class TransferTests(MountedStorage storage) : IClassFixture<MountedStorage>, IDisposable
{
    private readonly MigrationRig rig = new();

    public void Dispose() => rig.Dispose();

    [Theory]
    [InlineData("xfs", TransferPlan.Auto, "reflink")]
    [InlineData("btrfs", TransferPlan.Auto, "reflink")]
    [InlineData("btrfs", "copy-range", "copy-range")]
    [InlineData("ext4", TransferPlan.Auto, "stream")]
    [InlineData("ext4", "copy-range", "copy-range")]
    [InlineData("xfs", "stream", "stream")]
    public async Task Each_disk_arrives_and_the_seal_says_who_copied_it_and_why_nobody_faster(string kind, string asked, string used)
    {
        var request = Request(kind) with { Transfer = new TransferPlan(asked) };
        var outcome = await rig.StartAsync(request);
        Assert.Equal(Verdict.Degraded, outcome.Verdict); // what was left out on purpose
        var disk = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0];
        var transfer = disk.GetProperty("transfer");
        Assert.Equal(used, transfer.GetProperty("used").GetString());
        Assert.Equal(used != "stream", transfer.GetProperty("offloadedBytes").GetInt64() > 0);
        Assert.Equal(0, transfer.GetProperty("repairedBytes").GetInt64());
        Assert.False(transfer.TryGetProperty("declined", out _));
        var passedOver = transfer.GetProperty("passedOver").EnumerateArray().ToDictionary(o => o.GetProperty("name").GetString()!, o => o.GetProperty("why").GetString()!);
        Assert.DoesNotContain(used, passedOver.Keys);
        if (asked == TransferPlan.Auto && used == "stream") Assert.Equal("ext4 cannot share blocks", passedOver["reflink"]);
        Assert.Equal(File.ReadAllBytes(request.Sources[0]), await rig.DiskBytesAsync(Path.Combine(request.TargetDirectory, disk.GetProperty("targetFile").GetString()!), "raw"));
        Assert.Equal(disk.GetProperty("sourceRoot").GetString(), disk.GetProperty("targetRoot").GetString());
        Assert.Contains(used == "stream" ? "sealift (stream)" : $"the storage ({used})", await File.ReadAllTextAsync(outcome.HtmlPath!, MigrationRig.Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_way_that_was_asked_for_and_is_not_possible_fails_and_says_why()
    {
        var outcome = await rig.StartAsync(Request("ext4") with { Transfer = new TransferPlan("reflink") });
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains(outcome.Reasons, reason => reason.Contains("SL4281", StringComparison.Ordinal) && reason.Contains("ext4 cannot share blocks", StringComparison.Ordinal));
    }

    /// <summary>A plan that an earlier version wrote says nothing of it.</summary>
    [Fact]
    public void A_plan_without_a_way_is_one_for_the_fastest()
    {
        var plan = JsonSerializer.Serialize(rig.Request, MigrationJson.Default.MigrationRequest);
        using var members = JsonDocument.Parse(plan);
        var older = "{" + string.Join(',', members.RootElement.EnumerateObject().Where(m => !m.NameEquals("transfer")).Select(m => $"\"{m.Name}\":{m.Value.GetRawText()}")) + "}";
        Assert.NotEqual(plan, older);
        Assert.Equal(TransferPlan.Default, JsonSerializer.Deserialize(older, MigrationJson.Default.MigrationRequest)!.Transfer);
    }

    private MigrationRequest Request(string kind)
    {
        var folder = storage[kind];
        File.Copy(rig.First, Path.Combine(folder, "first.raw"));
        return rig.Request with { Sources = [Path.Combine(folder, "first.raw")], TargetDirectory = Path.Combine(folder, "machines") };
    }
}
