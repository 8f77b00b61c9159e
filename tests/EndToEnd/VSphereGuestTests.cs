using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>A real guest on a vCenter, by the command as a user types it.</summary>
public sealed class VSphereGuestTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_guest_is_checked_where_it_is_copied_sealed_and_verified_and_its_password_is_nowhere()
    {
        var (place, target, state) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        VCenter.UseLibraryStandIn();
        await using var server = await VCenter.StartAsync(Cancel, machines: 2);
        await using (var client = await server.ConnectAsync(Cancel))
        {
            var machine = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
            await server.FillDiskAsync(machine, (await client.MachineAsync(machine, Cancel)).Devices.Disks.Single().Key, rig.Disk, Cancel);
            await client.PowerOffAsync(machine, Cancel);
        }

        var password = Path.Combine(place, "password");
        await File.WriteAllTextAsync(password, VCenter.Password + "\n", Cancel);
        PosixPath.SetPermissions(password, 0x180 /* 0600 */);
        await SucceedsAsync("provider", "add", "vsphere", "vc1", "--address", server.Address.ToString(), "--user", VCenter.User, "--password-file", password, "--thumbprint", server.Sha256, "--vddk-libdir", place);
        await SucceedsAsync("check", "vsphere://vc1/DC0/vm/DC0_C0_RP0_VM0");
        await SucceedsAsync("migrate", "vsphere://vc1/DC0/vm/DC0_C0_RP0_VM0", "--to", target, "--no-convert", "--no-boot-check", "--name", "web01", "--json");
        await SucceedsAsync("verify", Path.Combine(target, "web01.seal.json"));
        _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "compare", "-f", "raw", "-F", "raw", rig.Disk, Path.Combine(target, "web01-disk1.raw")), Cancel); // exit code 1 would be another content
        var sealed_ = SealFile.PredicateOf(Path.Combine(target, "web01.seal.json"));
        Assert.Equal("vsphere", sealed_.GetProperty("source").GetProperty("kind").GetString());
        await SucceedsAsync("cleanup", "vsphere://vc1/DC0/vm/DC0_C0_RP0_VM0");
        foreach (var file in Directory.EnumerateFiles(state, "*", SearchOption.AllDirectories).Concat(Directory.EnumerateFiles(target)))
            Assert.False((await File.ReadAllBytesAsync(file, Cancel)).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(VCenter.Password)) >= 0, file);

        async Task SucceedsAsync(params string[] arguments)
        {
            var ended = await rig.RunAsync(state, arguments, Cancel);
            Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.ExitCode}: {ended.Output}{ended.ErrorTail}");
            Assert.DoesNotContain(VCenter.Password, ended.Output + ended.ErrorTail, StringComparison.Ordinal);
        }
    }
}
