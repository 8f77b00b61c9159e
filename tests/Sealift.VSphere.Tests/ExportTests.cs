using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>Leases on a machine's disks.</summary>
public sealed class ExportTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lease_is_waited_for_kept_and_ended()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
        Assert.Equal("SL3314", (await Assert.ThrowsAsync<VSphereFaultException>(() => client.ExportAsync(machine, Cancel))).Code); // it runs
        var snapshot = await client.MakeSnapshotAsync(machine, "sealift", string.Empty, quiesce: false, Cancel);
        var ofSnapshot = await client.ExportAsync(snapshot.Snapshot, Cancel);
        await client.AbortLeaseAsync(ofSnapshot, Cancel);

        await client.PowerOffAsync(machine, Cancel);
        var lease = await client.ExportAsync(machine, Cancel);
        Assert.Equal(TimeSpan.FromMinutes(5), lease.Timeout);
        var file = Assert.Single(lease.Files);
        Assert.True(file.IsDisk);
        Assert.StartsWith("https://*/nfc/", file.Url, StringComparison.Ordinal);
        Assert.Equal(server.Sha1, file.Thumbprint!.Replace(":", string.Empty, StringComparison.Ordinal), ignoreCase: true);
        Assert.True(file.FileBytes > 0);
        await client.KeepLeaseAsync(lease, 50, Cancel);
        await client.CompleteLeaseAsync(lease, Cancel);
    }

    [Fact]
    public async Task A_lease_that_fails_says_why()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
        await client.PowerOffAsync(machine, Cancel);
        await server.AnswerAsync("ExportVm", 200, "text/xml", Soap.Envelope("<ExportVmResponse xmlns=\"urn:vim25\"><returnval type=\"HttpNfcLease\">lease-1</returnval></ExportVmResponse>"), Cancel);
        await server.AnswerAsync("WaitForUpdatesEx", 200, "text/xml", Soap.Envelope("<WaitForUpdatesExResponse xmlns=\"urn:vim25\"><returnval><version>1</version><filterSet><objectSet><kind>enter</kind><obj type=\"HttpNfcLease\">lease-1</obj><changeSet><name>state</name><op>assign</op><val>error</val></changeSet><changeSet><name>error</name><op>assign</op><val xsi:type=\"LocalizedMethodFault\"><fault xsi:type=\"FileLocked\"><file>[ds] a.vmdk</file></fault><localizedMessage>busy</localizedMessage></val></changeSet></objectSet></filterSet></returnval></WaitForUpdatesExResponse>"), Cancel);
        var error = await Assert.ThrowsAsync<VSphereFaultException>(() => client.ExportAsync(machine, Cancel));
        Assert.Equal("SL3315", error.Code);
        Assert.Contains("[ds] a.vmdk", error.Message, StringComparison.Ordinal);
    }
}
