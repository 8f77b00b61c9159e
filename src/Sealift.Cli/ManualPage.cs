using System.CommandLine;
using System.Text;

namespace Sealift.Cli;

/// <summary>The manual page sealift(1), written from the command tree so that it can't fall behind it; man(7) macros.</summary>
internal static class ManualPage
{
    public static string Write(RootCommand root)
    {
        var page = new StringBuilder();
        page.Append(".TH SEALIFT 1 \"\" \"sealift\" \"User Commands\"\n");
        page.Append(".SH NAME\nsealift \\- move virtual machines onto KVM and prove that every byte arrived\n");
        page.Append(".SH SYNOPSIS\n.B sealift\n.I COMMAND\n[\\fIOPTION\\fR]...\n");
        page.Append(".SH DESCRIPTION\n").Append(Escape(root.Description ?? string.Empty)).Append('\n');
        page.Append(".SH COMMANDS\n");
        foreach (var command in root.Subcommands.Where(c => !c.Hidden)) Section(page, "sealift", command);
        page.Append(".SH OPTIONS OF EVERY COMMAND\n");
        foreach (var option in root.Options.Where(o => !o.Hidden)) Describe(page, option);
        page.Append(".SH EXIT STATUS\n");
        foreach (var (code, meaning) in ExitCodes) page.Append(".TP\n.B ").Append(code).Append('\n').Append(Escape(meaning)).Append('\n');
        page.Append(".SH FILES\n.TP\n.I ~/.local/state/sealift\nJournal, signing key and logs; another place with \\fB\\-\\-state\\fR or $SEALIFT_STATE.\n");
        page.Append(".SH SEE ALSO\n.BR sealift\\-plan (5),\n.BR sealift\\-errors (7),\n.BR sealift\\-integrity (7),\n.BR qemu\\-img (1),\n.BR virt\\-v2v\\-in\\-place (1),\n.BR guestfish (1)\n");
        return page.ToString();
    }

    private static readonly (int Code, string Meaning)[] ExitCodes =
    [
        (ExitCode.Success, "Done; for a migration: sealed; for a copy: proven."),
        (ExitCode.Failed, "Verdict failed; a seal, disk or map that does not verify; disks that differ; a check that found damage."),
        (ExitCode.Usage, "The command line is wrong."),
        (ExitCode.Degraded, "Verdict degraded: only waived findings, or less proof than the default; a check that found no damage and could not look at everything."),
        (ExitCode.Cancelled, "Verdict cancelled, or interrupted."),
        (ExitCode.Refused, "Refused before anything began: a plan that contradicts itself, an unknown migration, a file that cannot be read. There is no verdict."),
        (ExitCode.MissingTool, "Something that sealift needs is missing."),
        (ExitCode.Bug, "A fault in sealift itself."),
    ];

    private static void Section(StringBuilder page, string parents, Command command)
    {
        var name = $"{parents} {command.Name}";
        foreach (var sub in command.Subcommands.Where(c => !c.Hidden)) Section(page, name, sub);
        if (command.Subcommands.Count > 0 && command.Action is null) return; // only a word that others stand behind

        page.Append(".SS \"").Append(Escape(name));
        foreach (var argument in command.Arguments) page.Append(' ').Append(Escape(argument.Name));
        page.Append("\"\n").Append(Escape(command.Description ?? string.Empty)).Append('\n');
        foreach (var argument in command.Arguments) page.Append(".TP\n.I ").Append(Escape(argument.Name)).Append('\n').Append(Escape(argument.Description ?? string.Empty)).Append('\n');
        foreach (var option in command.Options.Where(o => !o.Hidden)) Describe(page, option);
        var examples = Examples.Of(command);
        if (examples.Count == 0) return;
        page.Append(".PP\nExamples:\n.nf\n.RS\n");
        foreach (var example in examples) page.Append(Escape(example)).Append('\n');
        page.Append(".RE\n.fi\n");
    }

    private static void Describe(StringBuilder page, Option option)
    {
        var names = string.Join(", ", option.Aliases.Prepend(option.Name).Select(n => $"\\fB{Escape(n)}\\fR"));
        page.Append(".TP\n").Append(names);
        if (option.ValueType != typeof(bool) && option.Name is not ("--help" or "--version")) page.Append(" \\fI").Append(Escape((option.HelpName ?? "VALUE").ToUpperInvariant())).Append("\\fR");
        page.Append('\n').Append(Escape(option.Description ?? string.Empty)).Append('\n');
    }

    private static string Escape(string text)
    {
        var escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
    }
}
