using System.CommandLine;
using System.CommandLine.Parsing;
using Sealift.Posix;
using Sealift.Server;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift serve</c>: the server, which is a program of its own beside this one, takes our place.</summary>
internal static class ServeCommand
{
    private const string Name = "serve";

    public static Command Build() => new ServeCommandLine()
        .Build(Name, (parsed, _) => Task.FromResult(Become(parsed)), (_, parsed, _) => Task.FromResult(Become(parsed)))
        .WithExamples("sealift serve", "sealift serve user add alice --role admin", "sealift serve --listen 0.0.0.0:8443 --tls-certificate server.pem --tls-key server.key --host-name sealift.example");

    /// <summary>What the server is told: our own command line without the name of the command, so that it reads what we have read.</summary>
    internal static IReadOnlyList<string> Arguments(ParseResult parsed)
    {
        var arguments = new List<string>();
        var isNamed = false;
        foreach (var token in parsed.Tokens)
        {
            if (!isNamed && token.Type == TokenType.Command && token.Value == Name) isNamed = true;
            else arguments.Add(token.Value);
        }

        return arguments;
    }

    private static int Become(ParseResult parsed)
    {
        var server = Path.Combine(AppContext.BaseDirectory, "server", "sealift-server");
        if (FileFacts.OfPathIfExists(server) is not { Kind: FileKind.Regular }) throw CliErrors.NoServer(server);
        ProgramReplacement.Execute(server, Arguments(parsed));
        return ExitCode.Bug; // not reached: this process is the server now, or an error was thrown
    }
}
