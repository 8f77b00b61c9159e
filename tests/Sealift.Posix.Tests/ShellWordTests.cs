namespace Sealift.Posix.Tests;

/// <summary>Words reach a shell as they are: the real ones, busybox's among them, which ESXi has.</summary>
public sealed class ShellWordTests
{
    [Theory]
    [InlineData("dash")]
    [InlineData("bash")]
    [InlineData("busybox", "sh")]
    public async Task Any_word_reaches_a_shell_as_it_is(string shell, params string[] itself)
    {
        const string Letters = "ab'\"\\$`!*?[]{}()<>|&;#~%^=-+, \t\n\r\u0001\u007fé😀";
        var random = new Random(20261126);
        List<string> words = [string.Empty, "'", "''", "'\\''", "$(reboot)", "`reboot`", "-n", "a\nb", "\\", "\\'", "x'; reboot; '"];
        for (var i = 0; i < 300; i++) words.Add(string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => Letters.EnumerateRunes().ElementAt(random.Next(Letters.EnumerateRunes().Count())))));
        // Output is read in lines, and CR and LF both end one: they are told apart in hexadecimal.
        var hex = await ChildProcess.RunAsync(
            new ChildCommand(shell, [.. itself, "-c", $"for word in {ShellWord.Quoted(words)}; do printf '%s' \"$word\" | od -An -v -tx1 | tr -d ' \\n'; echo; done"]), TestContext.Current.CancellationToken);
        Assert.Equal(words.Select(w => Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(w))), hex.Output.TrimEnd('\n').Split('\n'));
    }
}
