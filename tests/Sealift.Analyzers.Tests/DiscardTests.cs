namespace Sealift.Analyzers.Tests;

/// <summary>SLA002: whoever discards such a result says why, where it stands.</summary>
public sealed class DiscardTests
{
    [Theory]
    [InlineData("/*SLA002*/ _ = stream.Read(buffer);")]
    [InlineData("/*SLA002*/ _ = await stream.ReadAsync(buffer, cancel);")]
    [InlineData("/*SLA002*/ _ = PosixPath.RemoveFile(path);")]
    [InlineData("/*SLA002*/ _ = await ChildProcess.RunAsync(command, cancel);")]
    [InlineData("/*SLA002*/ _ = Task.Run(() => { }, cancel);")] // fire and forget
    [InlineData("/*SLA002*/ _ = PosixPath.RemoveFile(path); // gone already")] // two words are a mumble
    [InlineData("/*SLA002*/ _ = PosixPath.RemoveFile(path); // TODO: think about this one")]
    [InlineData("// The line above the line above is too far away.\n\n/*SLA002*/ _ = PosixPath.RemoveFile(path);")]
    [InlineData("// What comes first has this reason.\nfile.Sync();\n/*SLA002*/ _ = PosixPath.RemoveFile(path);")]
    [InlineData("file.Sync(); // The reason of another line.\n/*SLA002*/ _ = PosixPath.RemoveFile(path);")]
    [InlineData("/*SLA002*/ _ = PosixPath.RemoveFile(path);\n// The line below is too late.")]
    [InlineData("var\n/*SLA002*/ _ = PosixPath.RemoveFile(path);")]
    [InlineData("/*SLA002*/ _ = yes ? PosixPath.RemoveFile(path) : false;")]
    [InlineData("/*SLA002*/ (_, var n) = (PosixPath.RemoveFile(path), 1); return n;")]
    [InlineData("foreach (var p in new[] { path })\n/*SLA002*/ _ = PosixPath.RemoveFile(p);")]
    public Task A_discard_needs_a_reason(string statements) => Snippet.CheckStatementsAsync(statements);

    [Theory]
    [InlineData("_ = PosixPath.RemoveFile(path); // false: it is gone already")]
    [InlineData("// It is gone already, which is what is wanted.\n_ = PosixPath.RemoveFile(path);")]
    [InlineData("// It is gone already,\n// wanted.\n_ = PosixPath.RemoveFile(path);")]
    [InlineData("/* It is gone already. */ _ = PosixPath.RemoveFile(path);")]
    [InlineData("if (yes) return 1;\nelse _ = PosixPath.RemoveFile(path); // false: it is gone already")]
    [InlineData("_ = await ChildProcess.RunAsync(\n    command,\n    cancel); // it has nothing to say but its exit code")]
    [InlineData("_ = path.Length; _ = int.TryParse(path, out _); var list = new List<int>(); _ = list.Remove(1);")] // not ours to judge
    public Task A_stated_reason_is_enough(string statements) => Snippet.CheckStatementsAsync(statements);

    [Fact]
    public Task A_part_of_a_strict_answer_needs_a_reason_too() => Snippet.CheckAsync("""
        namespace Sealift.Posix.Later
        {
            static class Strict { public static bool Try(out int left) { left = 0; return true; } public static (int Done, int Left) Both() => (1, 2); }
        }
        class C
        {
            bool M(string path) =>
                /*SLA002*/ Sealift.Posix.Later.Strict.Try(out _);
            bool N() => Sealift.Posix.Later.Strict.Try(out _); // what is left is asked again below
            bool O() => int.TryParse("1", out _);
            int P()
            {
                /*SLA002*/ var (done, _) = Sealift.Posix.Later.Strict.Both();
                return done;
            }
        }
        """);

    [Fact]
    public Task An_assignment_to_a_parameter_called_underscore_is_a_discard_to_its_reader() => Snippet.CheckAsync("""
        class C
        {
            Action<bool> M(string path) => _ =>
                /*SLA002*/ _ = PosixPath.RemoveFile(path);
        }
        """);

    [Fact]
    public async Task The_message_asks_for_the_reason()
    {
        var found = await Snippet.DiagnosticsAsync("class C { void M(System.IO.Stream s) { _ = s.Read(new byte[1], 0, 1); } }", nativeAllowed: false);
        Assert.StartsWith("The result of Stream.Read is discarded without a reason: use it, or say in a comment", Assert.Single(found).GetMessage(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }
}
