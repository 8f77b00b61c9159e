namespace Sealift.Analyzers.Tests;

/// <summary>SLA003: whoever catches decides.</summary>
public sealed class CatchDecisionTests
{
    [Theory]
    [InlineData("catch (IOException) { }")]
    [InlineData("catch (IOException) { ; }")]
    [InlineData("catch (IOException) { return 0; }")]
    [InlineData("catch (IOException) { return -1; }")]
    [InlineData("catch (IOException) { { return 1; } }")]
    [InlineData("catch (IOException e) when (e.HResult == 1) { }")]
    [InlineData("catch (IOException) { } // shrug")]
    [InlineData("catch (IOException) { /* oh well */ }")]
    [InlineData("catch (IOException) { // TODO look at this later\n}")]
    public Task To_go_on_as_if_nothing_had_happened_needs_a_reason(string clause) => CheckClauseAsync(clause, expected: true);

    [Theory]
    [InlineData("catch { path = \"\"; }")]
    [InlineData("catch (Exception) { path = \"\"; }")]
    [InlineData("catch (Exception e) { path = \"\"; }")] // named, and not used
    [InlineData("catch (Exception) when (yes) { path = \"\"; }")]
    [InlineData("catch (Exception e) when (e is not OutOfMemoryException) { path = \"\"; }")]
    [InlineData("catch (Exception) { if (yes) throw; }")] // and if not?
    public Task To_catch_everything_and_lose_it_needs_a_reason(string clause) => CheckClauseAsync(clause, expected: true);

    [Theory]
    [InlineData("catch (IOException) { throw; }")]
    [InlineData("catch { file.Close(); throw; }")]
    [InlineData("catch (Exception e) { throw new InvalidOperationException(path, e); }")]
    [InlineData("catch (Exception) { if (yes) throw; throw new InvalidOperationException(path); }")]
    [InlineData("catch (IOException e) { return e.HResult; }")]
    [InlineData("catch (Exception e) { path = e.Message; }")]
    [InlineData("catch (Exception e) when (e is IOException or SocketException) { path = \"\"; }")]
    [InlineData("catch (IOException) { path = \"\"; }")]
    [InlineData("catch (IOException) { return 0; // the file is not there, which was asked\n}")]
    [InlineData("catch (IOException) { /* The file is not there, which was asked. */ }")]
    [InlineData("catch (IOException)\n{\n    // The file is not there, which was asked.\n}")]
    [InlineData("// The file is not there, which was asked.\ncatch (IOException)\n{\n}")]
    [InlineData("catch (IOException) { } // the file is not there, which was asked")]
    [InlineData("catch\n{\n    // Nothing that a display does may end the copy.\n    path = \"\";\n}")]
    public Task A_decision_is_a_throw_a_use_or_a_reason(string clause) => CheckClauseAsync(clause, expected: false);

    [Fact]
    public Task To_go_on_with_the_loop_needs_a_reason() => Snippet.CheckStatementsAsync("""
        foreach (var b in buffer)
        {
            try { file.Sync(); }
            /*SLA003*/ catch (SealiftException) { continue; }
            try { file.Sync(); }
            /*SLA003*/ catch (SealiftException) { break; }
            try { file.Sync(); }
            catch (SealiftException) { continue; } // the next byte has a file of its own
        }
        """);

    [Fact]
    public Task To_return_a_message_is_an_answer_and_to_return_a_value_is_none() => Snippet.CheckAsync("""
        class C
        {
            static string Look(PosixFile file)
            {
                try { file.Sync(); }
                catch (PosixException) { return $"{file.Path} cannot be synced"; }
                try { file.Sync(); }
                /*SLA003*/ catch (PosixException) { return "no"; }
                try { file.Sync(); }
                /*SLA003*/ catch (PosixException) { return string.Empty; }
                try { file.Sync(); }
                /*SLA003*/ catch { return "whatever it was, it is lost"; }
                return "";
            }
        }
        """);

    [Fact]
    public Task Every_clause_is_judged_by_itself() => Snippet.CheckStatementsAsync("""
        try { file.Sync(); }
        catch (PosixException e) when (e.Errno == Errno.EIO) { throw; }
        /*SLA003*/ catch (PosixException) { }
        catch (SealiftException) { /* no such file is fine here */ }
        """);

    [Fact]
    public Task A_throw_in_a_lambda_is_no_throw() => Snippet.CheckStatementsAsync("""
        Action fail = () => { };
        try { file.Sync(); }
        /*SLA003*/ catch { fail = () => throw new InvalidOperationException(); }
        fail();
        """);

    private static Task CheckClauseAsync(string clause, bool expected) =>
        Snippet.CheckStatementsAsync("try { file.Sync(); }\n" + (expected ? clause.Replace("catch", "/*SLA003*/ catch", StringComparison.Ordinal) : clause));
}
