using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

/// <summary>A processor without the newer vector instructions gives the same digests: the tests of the hash run once more, without them.</summary>
public sealed class OldProcessorTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task Without_vector_instructions_the_digests_are_the_same(string turnedOff)
    {
        var program = new ChildCommand(Path.Combine(AppContext.BaseDirectory, "Sealift.Blkhash.Tests"), "--filter-class", "*.LeafHasherTests", "*.BlkhashTests")
        {
            Environment = new Dictionary<string, string?> { [turnedOff] = "0", ["SEALIFT_TEST_OLD_PROCESSOR"] = "1" },
            Deadline = TimeSpan.FromMinutes(5),
        };
        var result = await ChildProcess.RunAsync(program, TestContext.Current.CancellationToken);
        Assert.Contains("failed: 0", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("total: 0", result.Output, StringComparison.Ordinal);
    }
}
