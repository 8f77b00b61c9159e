namespace Sealift.Analyzers.Tests;

/// <summary>SLA001: a result that says whether something was done is used.</summary>
public sealed class DroppedResultTests
{
    [Theory]
    [InlineData("/*SLA001*/ stream.Read(buffer, 0, 1);")]
    [InlineData("/*SLA001*/ stream.ReadAtLeast(buffer, 4, throwOnEndOfStream: false);")]
    [InlineData("/*SLA001*/ await stream.ReadAsync(buffer, cancel);")]
    [InlineData("/*SLA001*/ await stream.ReadAsync(buffer, cancel).ConfigureAwait(false);")]
    [InlineData("/*SLA001*/ await stream.ReadAsync(buffer, cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(1), cancel);")]
    [InlineData("/*SLA001*/ stream.ReadAsync(buffer, cancel).AsTask().GetAwaiter().GetResult();")]
    [InlineData("/*SLA001*/ stream.ReadAsync(buffer, cancel).AsTask().Wait();")]
    [InlineData("var maybe = yes ? stream : null;\n/*SLA001*/ maybe?.Read(buffer, 0, 1);")]
    [InlineData("/*SLA001*/ new MemoryStream(buffer).Read(buffer);")] // an override in a derived type
    [InlineData("/*SLA001*/ await Task.WhenAll(stream.ReadAsync(buffer, 0, 1, cancel), stream.ReadAsync(buffer, 1, 1, cancel));")]
    [InlineData("/*SLA001*/ socket.Receive(buffer);")]
    [InlineData("/*SLA001*/ socket.Send(buffer);")]
    [InlineData("/*SLA001*/ await socket.SendAsync(buffer, SocketFlags.None, cancel);")]
    [InlineData("/*SLA001*/ text.Read(new char[1], 0, 1);")]
    [InlineData("/*SLA001*/ text.ReadBlock(new char[1], 0, 1);")]
    [InlineData("/*SLA001*/ process.WaitForExit(1000);")]
    [InlineData("/*SLA001*/ turn.Wait(1000);")]
    [InlineData("/*SLA001*/ await turn.WaitAsync(1000, cancel);")]
    [InlineData("using var handle = File.OpenHandle(path);\n/*SLA001*/ RandomAccess.Read(handle, buffer, 0);")]
    public Task What_the_framework_did_in_part_is_looked_at(string statements) => Snippet.CheckStatementsAsync(statements);

    [Theory]
    [InlineData("/*SLA001*/ PosixPath.RemoveFile(path);")]
    [InlineData("/*SLA001*/ file.ReadAt(buffer, 0);")]
    [InlineData("/*SLA001*/ file.TryLock();")]
    [InlineData("if (yes) /*SLA001*/ file.TryPunchHole(0, 4096);")]
    [InlineData("/*SLA001*/ await ChildProcess.RunAsync(command, cancel);")]
    [InlineData("await using var child = ChildProcess.Start(command);\n/*SLA001*/ await child.WaitAsync(cancel);")]
    [InlineData("Action<string> remove = p =>\n/*SLA001*/ PosixPath.RemoveFile(p);")]
    [InlineData("void Remove() =>\n/*SLA001*/ PosixPath.RemoveFile(path);\nRemove();")]
    [InlineData("for (var i = 0; i < 2;\n/*SLA001*/ file.TryLock()) i++;")]
    public Task What_a_strict_wrapper_says_is_used(string statements) => Snippet.CheckStatementsAsync(statements);

    [Theory]
    [InlineData("/*SLA001*/ await http.SendAsync(request, cancel);")]
    [InlineData("/*SLA001*/ await http.GetAsync(path, cancel);")]
    [InlineData("/*SLA001*/ http.Send(request, cancel);")]
    [InlineData("Task<HttpResponseMessage> AskAsync() => http.GetAsync(path, cancel);\n/*SLA001*/ await AskAsync();")] // a helper's reply is a reply
    public Task An_http_reply_is_judged(string statements) => Snippet.CheckStatementsAsync(statements);

    [Fact]
    public Task What_a_native_call_returns_is_used() => Snippet.CheckAsync("""
        static class Libc
        {
            [DllImport("libc")] public static extern int fsync(SafeHandle fd);
            public static void Sync(SafeHandle fd)
            {
                /*SLA001*/ fsync(fd);
                if (fsync(fd) != 0) throw new IOException();
            }
        }
        """);

    [Fact]
    public Task What_a_generated_native_call_returns_is_used() => Snippet.CheckAsync("""
        static partial class Libc
        {
            [LibraryImport("libc", EntryPoint = "unlink", StringMarshalling = StringMarshalling.Utf8)] internal static partial int Unlink(string path);
            public static void Remove(string path) =>
                /*SLA001*/ Unlink(path);
        }
        """);

    [Fact]
    public Task Where_nothing_is_returned_nothing_is_dropped() => Snippet.CheckAsync("""
        static class Libc
        {
            [DllImport("libc")] static extern void sync();
            public static void Sync() => sync();
        }
        """);

    [Theory]
    [InlineData("/*SLA001*/ Task.Delay(1, cancel);")]
    [InlineData("/*SLA001*/ Task.Run(() => { }, cancel);")]
    [InlineData("/*SLA001*/ stream.FlushAsync(cancel);")]
    [InlineData("/*SLA001*/ stream.WriteAsync(buffer, cancel);")] // a ValueTask
    [InlineData("/*SLA001*/ stream.FlushAsync(cancel).ConfigureAwait(false);")]
    [InlineData("void Later() =>\n/*SLA001*/ stream.FlushAsync();\nLater();")] // the compiler's own warning sees async methods only
    [InlineData("/*SLA001*/ await Task.WhenAny(stream.FlushAsync(cancel), Task.Delay(1, cancel));")]
    [InlineData("/*SLA001*/ Task.Run(() => { }, cancel).ContinueWith(_ => { }, TaskScheduler.Default);")]
    public Task No_task_is_left_alone(string statements) => Snippet.CheckStatementsAsync(statements);

    [Theory]
    [InlineData("var\n/*SLA001*/ n = stream.Read(buffer);")]
    [InlineData("var\n/*SLA001*/ running = Task.Delay(1, cancel);")]
    [InlineData("int n;\nn = 0;\nbool\n/*SLA001*/ removed = PosixPath.RemoveFile(path);\nremoved = true;")]
    public Task A_variable_that_nobody_reads_is_no_use(string statements) => Snippet.CheckStatementsAsync(statements);

    [Theory]
    [InlineData("var n = stream.Read(buffer); return n;")]
    [InlineData("if (stream.Read(buffer) == 0) return 1;")]
    [InlineData("return await stream.ReadAsync(buffer, cancel);")]
    [InlineData("await stream.ReadExactlyAsync(buffer, cancel);")] // complete, or it throws
    [InlineData("await stream.WriteAsync(buffer, cancel); await stream.FlushAsync(cancel);")]
    [InlineData("stream.Write(buffer); stream.Seek(0, SeekOrigin.Begin);")]
    [InlineData("process.WaitForExit(); turn.Wait(); await turn.WaitAsync(cancel); turn.Release();")]
    [InlineData("(await http.GetAsync(path, cancel)).EnsureSuccessStatusCode();")]
    [InlineData("using var reply = await http.GetAsync(path, cancel);\nreply.EnsureSuccessStatusCode();")]
    [InlineData("using var kept = PosixFile.Open(path, OpenMode.Read);")]
    [InlineData("using (PosixFile.Open(path, OpenMode.Read)) { }")]
    [InlineData("await using var child = ChildProcess.Start(command);")]
    [InlineData("file.WriteAt(buffer, 0); file.Sync(); file.Close();")]
    [InlineData("Func<bool> remove = () => PosixPath.RemoveFile(path); if (!remove()) return 1;")]
    [InlineData("var running = Task.Delay(1, cancel); await running;")]
    [InlineData("var all = new List<Task> { Task.Delay(1, cancel) }; await Task.WhenAll(all);")]
    [InlineData("if (await Task.WhenAny(stream.FlushAsync(cancel), Task.Delay(1, cancel)) is { IsFaulted: true }) return 1;")]
    [InlineData("var names = new HashSet<string>(); names.Add(path); names.Remove(path);")] // not ours to judge
    public Task What_is_used_or_complete_is_fine(string statements) => Snippet.CheckStatementsAsync(statements);

    [Fact]
    public async Task The_message_names_the_call_and_says_what_to_do()
    {
        var found = await Snippet.DiagnosticsAsync("class C { void M(System.IO.Stream s) { s.Read(new byte[1], 0, 1); } }", nativeAllowed: false);
        Assert.Equal("The result of Stream.Read is dropped: use it, or discard it with '_ =' and a comment that says why it does not matter", Assert.Single(found).GetMessage(System.Globalization.CultureInfo.InvariantCulture));
    }
}
