namespace Sealift.Posix.Tests;

/// <summary>What is read from the kernel's list of mounts, as it writes it.</summary>
public sealed class ServerProtocolTests
{
    private static readonly string[] Mounts =
    [
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
        "30 22 0:41 / /mnt rw,relatime - nfs4 127.0.0.1:/ rw,vers=4.2,rsize=131072,sec=sys,addr=127.0.0.1",
        "31 22 0:42 / /old\\040mount rw shared:7 master:2 - nfs4 server:/a\\040b rw,vers=4.1,proto=tcp",
        "32 22 0:43 / /three rw - nfs server:/ rw,vers=3",
        "33 22 0:44 / /smb rw - cifs //server/share rw,relatime,vers=3.1.1,cache=strict",
        "34 22 0:45 / /smb1 rw - cifs //server/share rw,vers=1.0",
        "35 22 0:46 / /silent rw - nfs4 server:/ rw",
        "36 22 0:47 / /short rw - nfs4",
        "cut",
    ];

    [Theory]
    [InlineData(0, 41, "NFS 4.2", true)]
    [InlineData(0, 42, "NFS 4.1", false)]
    [InlineData(0, 43, "NFS 3", false)]
    [InlineData(0, 44, "SMB 3.1.1", true)]
    [InlineData(0, 45, "SMB 1.0", false)]
    public void The_version_of_a_mount_says_whether_a_server_can_be_asked_for_copies(ulong major, ulong minor, string protocol, bool knows)
    {
        var found = ServerProtocol.Find(Mounts, (major << 32) | minor)!;
        Assert.Equal((protocol, knows), (found.ToString(), found.KnowsCopies));
    }

    [Theory]
    [InlineData(254, 0)]
    [InlineData(0, 46)]
    [InlineData(0, 47)]
    [InlineData(0, 99)]
    public void Of_other_file_systems_nothing_is_said(ulong major, ulong minor) => Assert.Null(ServerProtocol.Find(Mounts, (major << 32) | minor));

    [Theory]
    [InlineData("4.10", true)]
    [InlineData("5", true)]
    [InlineData("4", false)]
    [InlineData("", false)]
    [InlineData("x.2", false)]
    [InlineData("4.x", false)]
    public void A_version_is_a_number(string version, bool knows) => Assert.Equal(knows, new ServerProtocol("NFS", version).KnowsCopies);

    [Fact]
    public void A_path_of_this_host_is_of_no_server() => Assert.Null(ServerProtocol.Of(AppContext.BaseDirectory));
}
