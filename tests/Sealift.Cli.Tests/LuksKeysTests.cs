using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Cli.Tests;

public sealed class LuksKeysTests
{
    [Theory]
    [InlineData("check a")]
    [InlineData("migrate a --to b")]
    public void Commands_that_look_into_disks_take_keys(string command) =>
        Assert.Empty(CommandTree.Build().Parse($"{command} --luks-key all=file:/k --luks-key 5ea11f70-0000-4000-8000-000000000101").Errors);

    /// <summary>A test has no terminal.</summary>
    [Fact]
    public void A_key_without_a_file_needs_a_terminal()
    {
        Assert.True(Console.IsInputRedirected, "run it with its standard input from a file");
        Assert.Equal("SL8007", Assert.Throws<SealiftException>(() => LuksKeys.Read([new VolumeKeySource("all", null)])).Code);
    }

    [Fact]
    public void A_key_with_a_file_is_read()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "open sesame\n");
            using var key = Assert.Single(LuksKeys.Read([new VolumeKeySource("all", path)]));
            Assert.Equal("all", key.Selector);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
