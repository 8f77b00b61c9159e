using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>What the user knows better than the source.</summary>
public sealed class MachineOverridesTests
{
    private static VirtualMachine Machine => new()
    {
        Name = "web",
        Cpus = 4,
        CoresPerSocket = 2,
        MemoryBytes = 1 << 30,
        Firmware = Firmware.Bios,
        Disks = [],
        NetworkInterfaces = [new NetworkInterface(NicModel.Vmxnet3, "00:50:56:00:00:01", "VM Network"), new NetworkInterface(NicModel.Vmxnet3, "00:50:56:00:00:02", "dmz")],
    };

    [Fact]
    public void Each_network_is_mapped_by_its_name_or_by_the_star()
    {
        var mapped = Machine.With(new MachineOverrides { NetworkMap = new Dictionary<string, string> { ["dmz"] = "bridge:br7", ["*"] = "default" } });
        Assert.Equal(["default", "bridge:br7"], mapped.NetworkInterfaces.Select(n => n.Joins));
        Assert.All(Machine.With(new MachineOverrides()).NetworkInterfaces, n => Assert.Null(n.Joins));
    }

    [Fact]
    public void A_network_that_the_map_leaves_out_is_an_error_that_names_it()
    {
        var e = Assert.Throws<SealiftException>(() => Machine.With(new MachineOverrides { NetworkMap = new Dictionary<string, string> { ["VM Network"] = "default" } }));
        Assert.Equal("SL6005", e.Code);
        Assert.Contains("dmz", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_number_of_processors_has_no_sockets_of_the_source()
    {
        Assert.Equal(2, Machine.With(new MachineOverrides()).CoresPerSocket);
        Assert.Equal(0, Machine.With(new MachineOverrides { Cpus = 3 }).CoresPerSocket);
    }

    [Theory]
    [InlineData("00:50:56:00:00:02=10.0.0.7", "00:50:56:00:00:02:ip:10.0.0.7")]
    [InlineData("00-50-56-00-00-02=10.0.0.7,10.0.0.1,24,10.0.0.53,10.0.0.54", "00:50:56:00:00:02:ip:10.0.0.7,10.0.0.1,24,10.0.0.53,10.0.0.54")]
    [InlineData("00:50:56:00:00:02=fd00::7,fd00::1,64", "00:50:56:00:00:02:ip:fd00::7,fd00::1,64")]
    [InlineData("00:50:56:00:00:02", null)]
    [InlineData("00:50:56:00:00:02=", null)]
    [InlineData("00:50:56:00:00:02=10.0.0", null)]
    [InlineData("00:50:56:00:00:02=10.0.0.7,10.0.0.1,33", null)]
    [InlineData("00:50:56:00:00:02=10.0.0.7,fd00::1", null)]
    [InlineData("00:50:56:00:00:02=10.0.0.7;reboot", null)]
    [InlineData("01:50:56:00:00:02=10.0.0.7", null)] // multicast
    [InlineData("00:50:56:00:00:02=fe80::1%eth0", null)]
    public void A_static_address_is_read_whole_or_refused(string text, string? expected) => Assert.Equal(expected, StaticAddress.TryParse(text)?.ToString());

    [Fact]
    public void A_static_address_is_of_an_interface_that_there_is()
    {
        var given = StaticAddress.TryParse("00:50:56:00:00:02=10.0.0.7")!;
        Assert.Equal([given], Machine.With(new MachineOverrides { StaticAddresses = [given] }).StaticAddresses);
        var e = Assert.Throws<SealiftException>(() => Machine.With(new MachineOverrides { StaticAddresses = [StaticAddress.TryParse("00:50:56:00:00:03=10.0.0.7")!] }));
        Assert.Equal("SL6005", e.Code);
    }
}
