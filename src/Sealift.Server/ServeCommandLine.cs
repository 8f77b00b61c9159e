using System.CommandLine;

namespace Sealift.Server;

/// <summary>
/// The command line of <c>sealift serve</c>. The command and the server compile the same file: the command shows its help and its
/// completions, the server carries it out.
/// </summary>
internal sealed class ServeCommandLine
{
    /// <summary>A file with settings.</summary>
    public Option<string?> Config { get; } = new("--config") { Description = "A JSON file with settings; what stands on the command line wins [default: server.json in the state directory, where it is there].", HelpName = "FILE" };

    /// <summary>Where it listens.</summary>
    public Option<string?> Listen { get; } = new("--listen") { Description = "Where to listen. Anything but loopback needs a certificate and a user [default: 127.0.0.1:8443].", HelpName = "ADDRESS:PORT" };

    /// <summary>The certificate.</summary>
    public Option<string?> Certificate { get; } = new("--tls-certificate") { Description = "The server's certificate, followed by those that sign it, as PEM.", HelpName = "FILE" };

    /// <summary>Its key.</summary>
    public Option<string?> Key { get; } = new("--tls-key") { Description = "The certificate's private key, as PEM, which nobody else may read.", HelpName = "FILE" };

    /// <summary>Names that browsers may call it by.</summary>
    public Option<string[]> HostNames { get; } = new("--host-name") { Description = "A name by which browsers may call this server, besides the address that it listens on. Can be repeated.", HelpName = "NAME", DefaultValueFactory = _ => [] };

    /// <summary>The file with the connection string of the database.</summary>
    public Option<string?> DatabaseFile { get; } = new("--database-file") { Description = "The first line of this file, which not everybody may read, is the connection string of a PostgreSQL database [default: SQLite in the state directory].", HelpName = "FILE" };

    /// <summary>The variable with the connection string of the database.</summary>
    public Option<string?> DatabaseEnv { get; } = new("--database-env") { Description = "The connection string of a PostgreSQL database is in this variable of the environment.", HelpName = "VARIABLE" };

    /// <summary>The name of a user.</summary>
    public Argument<string> UserName { get; } = new("USER") { Description = "The name of a user: lower-case letters, digits, dots, dashes and underscores." };

    /// <summary>What a user may do.</summary>
    public Option<string[]> Roles { get; } = Role();

    /// <summary>The command itself.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="serve">Serves.</param>
    /// <param name="user">Carries out <c>user add|list|password|remove</c>; given the verb.</param>
    public Command Build(string name, Func<ParseResult, CancellationToken, Task<int>> serve, Func<string, ParseResult, CancellationToken, Task<int>> user)
    {
        var command = new Command(name, "Serve the pages and the API that plans are made, run and watched with.") { Config, Listen, Certificate, Key, HostNames, DatabaseFile, DatabaseEnv };
        command.Validators.Add(result =>
        {
            if (result.GetValue(DatabaseFile) is not null && result.GetValue(DatabaseEnv) is not null) result.AddError("--database-file and --database-env exclude each other.");
        });
        command.SetAction(serve);
        command.Subcommands.Add(new Command("user", "The users who may log in.")
        {
            Verb("add", "Add a user. The password is asked for, or is the first line of standard input.", user, UserName, Roles),
            Verb("list", "List the users.", user),
            Verb("password", "Give a user a new password, which ends all sessions of that user.", user, UserName),
            Verb("remove", "Remove a user, with all sessions and tokens of that user.", user, UserName),
        });
        return command;
    }

    private Command Verb(string verb, string description, Func<string, ParseResult, CancellationToken, Task<int>> user, params ReadOnlySpan<Symbol> symbols)
    {
        var command = new Command(verb, description) { Config, DatabaseFile, DatabaseEnv };
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) command.Arguments.Add(argument);
            else if (symbol is Option option) command.Options.Add(option);
        }

        command.SetAction((parsed, cancel) => user(verb, parsed, cancel));
        return command;
    }

    private static Option<string[]> Role()
    {
        var option = new Option<string[]>("--role") { Description = "What the user may do. Can be repeated: plan and operate include read, admin includes all.", DefaultValueFactory = _ => ["read"] };
        option.AcceptOnlyFromAmong("read", "plan", "operate", "admin");
        return option;
    }
}
