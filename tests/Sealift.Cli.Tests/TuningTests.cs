using System.CommandLine;
using System.Text;
using System.Text.Json;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Cli.Tests;

public sealed class TuningTests
{
    private static readonly RootCommand Root = CommandTree.Build();

    [Fact]
    public void Without_options_everything_is_as_it_is_by_default()
    {
        var tuning = Of("copy a b");
        Assert.Equal(CopyOptions.Default, tuning.Options);
        Assert.Equal((new NbdOptions().Connections, new NbdOptions().MaxInFlight), (tuning.Over(new NbdOptions()).Connections, tuning.Over(new NbdOptions()).MaxInFlight));
        Assert.Equal(8 << 20, Of("copy a b", 8 << 20).RequestBytes); // a request is at least one block
    }

    [Theory]
    [InlineData("copy a b")]
    [InlineData("hash a")]
    [InlineData("compare a b")]
    [InlineData("repair a --from b --map c")]
    public void Every_command_that_copies_or_reads_disks_takes_them(string command)
    {
        var tuning = Of($"{command} --bandwidth 200M --connections 16 --queue-depth 64 --request-size 32M");
        Assert.Equal((200L << 20, 16, 64, 32 << 20), Values(tuning));
        Assert.Equal((200L << 20, 64, 32 << 20), (tuning.Options.Bandwidth!.BytesPerSecond, tuning.Options.Workers, tuning.Options.RequestBytes));
        Assert.Equal((16, 64), (tuning.Over(new NbdOptions()).Connections, tuning.Over(new NbdOptions()).MaxInFlight));
    }

    [Theory]
    [InlineData("--bandwidth", "63K")]
    [InlineData("--bandwidth", "0")]
    [InlineData("--bandwidth", "fast")]
    [InlineData("--connections", "0")]
    [InlineData("--connections", "17")]
    [InlineData("--queue-depth", "0")]
    [InlineData("--queue-depth", "65")]
    [InlineData("--queue-depth", "-1")]
    [InlineData("--request-size", "3M")]
    [InlineData("--request-size", "64M")]
    [InlineData("--request-size", "32K")] // less than a block
    [InlineData("--request-size", "8E")]
    [InlineData("--request-size", "4096G")]
    public void A_value_out_of_its_range_is_refused_by_the_name_of_its_option(string option, string value)
    {
        var error = Assert.Throws<SealiftException>(() => Of($"copy a b {option} {value}"));
        Assert.Equal("SL8004", error.Code);
        Assert.Contains(option, error.Message, StringComparison.Ordinal);
        Assert.Contains(value, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ends_of_the_ranges_are_in_them()
    {
        Assert.Equal((64L << 10, 1, 1, 4096), Values(Of("hash a --bandwidth 64K --connections 1 --queue-depth 1 --request-size 4096", 4096)));
    }

    [Fact]
    public void A_plan_keeps_what_was_asked_for_and_nothing_else()
    {
        Assert.Equal((null, null, null), Tuning.AskedFor(Root.Parse("migrate a.ova --to /x"), 65536));
        Assert.Equal((1 << 20, 3, null), Tuning.AskedFor(Root.Parse("migrate a.ova --to /x --bandwidth 1M --queue-depth 3"), 65536));
        Assert.Equal((null, null, 1 << 20), Tuning.AskedFor(Root.Parse("migrate a.ova --to /x --request-size 1M"), 65536));
    }

    [Fact]
    public void The_values_that_are_used_are_said()
    {
        using var line = new MemoryStream();
        using (var writer = new Utf8JsonWriter(line))
        {
            writer.WriteStartObject();
            new Tuning(null, 4, 8, 1 << 20).WriteTo(writer);
            writer.WriteEndObject();
        }

        Assert.Equal("""{"settings":{"bandwidthBytesPerSecond":null,"connections":4,"queueDepth":8,"requestBytes":1048576}}""", Encoding.UTF8.GetString(line.ToArray()));
    }

    private static (long?, int, int, int) Values(Tuning tuning) => (tuning.BandwidthBytesPerSecond, tuning.Connections, tuning.QueueDepth, tuning.RequestBytes);

    private static Tuning Of(string line, int blockBytes = 65536)
    {
        var parsed = Root.Parse(line);
        Assert.Empty(parsed.Errors);
        return Tuning.Of(parsed, blockBytes);
    }
}
