using System.Text.Json;

namespace Sealift.Migrations.Tests;

/// <summary>What an earlier Sealift wrote into the journal is read by this one: a migration that began before an upgrade goes on after it.</summary>
public sealed class EarlierReportTests
{
    private const string Earlier = """
        {"Inspection":{"OsType":"linux","Distro":"debian","ProductName":"Debian","Version":"12","Architecture":"x86_64","Hostname":"h","BootsByUefi":false,
         "Filesystems":[{"Identity":"u","Device":"disk1","Type":"ext4","Label":"","LengthBytes":1,"Mountpoint":"/","CheckedBy":"e2fsck 1.47.0","Clean":true}]},"Findings":[],"Tools":{}}
        """;

    [Fact]
    public void A_report_from_before_there_were_two_ways_of_checking_is_read()
    {
        var filesystem = Assert.Single(JsonSerializer.Deserialize(Earlier, JournalJson.Default.GuestReport)!.Inspection.Filesystems);
        Assert.Equal(("u", string.Empty, string.Empty), (filesystem.Identity, filesystem.CheckedVia, filesystem.Why));
        Assert.Equal(string.Empty, Sealift.Migrations.Seals.SealedFilesystem.Of(filesystem).Why);
    }
}
