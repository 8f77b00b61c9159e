using System.CommandLine;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift completion SHELL</c>: prints what the shell has to source.</summary>
internal static class CompletionCommand
{
    // Each script asks the command itself, through the [suggest:POSITION] directive of its command line library.
    private const string Bash = """
        _sealift() {
            local IFS=$'\n'
            COMPREPLY=($(sealift "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null))
            [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o filenames -F _sealift sealift
        """;

    private const string Zsh = """
        #compdef sealift
        _sealift() {
            local -a found
            found=("${(@f)$(sealift "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -- $found || _files
        }
        compdef _sealift sealift
        """;

    private const string Fish = """
        complete -c sealift -a '(sealift "[suggest:"(commandline -C)"]" (commandline) 2>/dev/null)'
        """;

    public static Command Build()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the completion script of a shell.") { shell };
        command.SetAction(parsed =>
        {
            Console.Out.WriteLine(parsed.GetValue(shell) switch { "zsh" => Zsh, "fish" => Fish, _ => Bash });
            return ExitCode.Success;
        });
        return command.WithExamples("source <(sealift completion bash)", "sealift completion fish > ~/.config/fish/completions/sealift.fish");
    }
}
