using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Sealift.Posix;
using Sealift.Site;

namespace Sealift.Docs;

/// <summary>The blocks of one page with one name: runs them, and looks at how each command ends and at what it says.</summary>
internal static partial class CommandSequence
{
    /// <summary>All sequences of all pages.</summary>
    /// <param name="withMachine">Those with a machine that was migrated, or those without.</param>
    public static IEnumerable<TheoryDataRow<string, string>> All(bool withMachine) =>
        Repository.CommandBlocks.Where(b => b.Mark is CommandMark.Run).GroupBy(b => (b.Page, ((CommandMark.Run)b.Mark!).Name))
            .Where(g => g.Any(b => ((CommandMark.Run)b.Mark!).WithMachine) == withMachine)
            .Select(g => new TheoryDataRow<string, string>(g.Key.Page, g.Key.Name).WithTrait("page", g.Key.Page));

    /// <summary>Fails where a command ends otherwise than its page says, or does not say what the page shows.</summary>
    public static async Task RunAsync(Guest guest, string page, string name)
    {
        var (steps, withMachine) = Steps(page, name);
        var (reader, beside) = await guest.NewAsync(withMachine);
        await RunAsync(steps, reader, beside, withMachine ? guest.MigrationId : null);
        for (var i = 0; i < steps.Count; i++)
        {
            var (step, record) = (steps[i], Path.Combine(beside, $"{i}"));
            var said = File.Exists(record + ".said") ? File.ReadAllText(record + ".said").Replace(guest.Migrated, "/srv", StringComparison.Ordinal).Replace(reader, "/srv", StringComparison.Ordinal).Replace(Path.Combine(beside, "home"), "~", StringComparison.Ordinal) : string.Empty;
            var at = $"{page}:{step.Line}: {step.Command.Text}\n";
            var code = File.Exists(record + ".code") ? File.ReadAllText(record + ".code").Trim() : "none: it did not end";
            Assert.True(code == step.ExitCode.ToString(CultureInfo.InvariantCulture), $"{at}exit code {code}, not {step.ExitCode}; it said:\n{said}");
            var missing = ShownOutput.Missing(step.Command.Output, said);
            Assert.True(missing is null, $"{at}the page shows\n{missing}\nand it said\n{said}");
        }
    }

    private sealed record Step(int Line, ShownCommand Command, int ExitCode);

    private static (List<Step> Steps, bool WithMachine) Steps(string page, string name)
    {
        var (steps, withMachine) = (new List<Step>(), false);
        foreach (var block in Repository.CommandBlocks.Where(b => b.Page == page && b.Mark is CommandMark.Run run && run.Name == name))
        {
            var mark = (CommandMark.Run)block.Mark!;
            withMachine |= mark.WithMachine;
            if (mark.First.Length > 0) steps.Add(new Step(block.Line, new ShownCommand(mark.First, []), 0));
            for (var i = 0; i < block.Commands.Count; i++) steps.Add(new Step(block.Line, block.Commands[i], i == block.Commands.Count - 1 ? mark.ExitCode : 0));
        }

        return (steps, withMachine);
    }

    // One bash for all of them, as the reader has one: directories, variables and background jobs carry on. It ends at the first that ends otherwise than it should.
    private static async Task RunAsync(List<Step> steps, string reader, string beside, string? migration)
    {
        var script = new StringBuilder("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
        for (var i = 0; i < steps.Count; i++)
        {
            var record = Path.Combine(beside, $"{i}");
            var command = ReadersDirectory().Replace(steps[i].Command.Text, reader);
            if (migration is not null) command = Guest.IdOrItsBeginning().Replace(command, migration);
            script.Append(CultureInfo.InvariantCulture, $"{{\n{command}\n}} >{record}.said 2>&1 </dev/null\ncode=$?; echo $code >{record}.code; [ $code -eq {steps[i].ExitCode} ] || exit 0\n");
        }

        var file = Path.Combine(beside, "script");
        PosixPath.WriteFileDurably(file, Encoding.UTF8.GetBytes(script.ToString()), replace: false);
        var child = await ChildProcess.RunAsync(
            new ChildCommand("bash", file)
            {
                WorkingDirectory = reader,
                StartsOthers = true,
                Deadline = TimeSpan.FromMinutes(5),
                Environment = Guest.ReadersEnvironment(Path.Combine(beside, "home"), Path.Combine(beside, "tmp")),
            },
            TestContext.Current.CancellationToken);
        Assert.Equal(string.Empty, child.ErrorTail); // what bash itself says: a page's commands are no shell
    }

    [GeneratedRegex(@"(?<![\w./-])/srv(?=/|\b)")]
    private static partial Regex ReadersDirectory();
}
