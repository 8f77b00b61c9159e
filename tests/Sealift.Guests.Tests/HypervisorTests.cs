using System.Diagnostics;

namespace Sealift.Guests.Tests;

public class HypervisorTests
{
    [Fact]
    public async Task The_test_guest_really_runs_where_an_accelerator_works() =>
        Assert.True(await Hypervisor.RunsGuestCodeAsync("tcg", TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));

    [Fact]
    public async Task An_accelerator_that_is_not_there_is_not_usable() =>
        Assert.False(await Hypervisor.RunsGuestCodeAsync("no-such-accelerator", TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));

    [Fact]
    public async Task A_guest_that_hangs_is_not_waited_for()
    {
        var watch = Stopwatch.StartNew();
        Assert.False(await Hypervisor.RunsGuestCodeAsync("tcg", [0xEB, 0xFE /* jmp to itself */], TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Kvm_is_judged_in_bounded_time_and_once()
    {
        var watch = Stopwatch.StartNew();
        var usable = await Hypervisor.KvmUsableAsync(TestContext.Current.CancellationToken);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30));
        Assert.Equal(usable, await Hypervisor.KvmUsableAsync(TestContext.Current.CancellationToken));
        Assert.Equal(usable ? null : "force_tcg", (await Hypervisor.ApplianceEnvironmentAsync(TestContext.Current.CancellationToken))["LIBGUESTFS_BACKEND_SETTINGS"]);
    }
}
