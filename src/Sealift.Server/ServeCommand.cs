using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sealift.Cli;
using Sealift.Server.Accounts;
using Sealift.Server.Auditing;
using Sealift.Server.Database;

namespace Sealift.Server;

/// <summary>What the command line asks for.</summary>
internal static class ServeCommand
{
    /// <summary>Serves until SIGTERM or Ctrl-C.</summary>
    public static async Task<int> RunAsync(ServeCommandLine line, ParseResult parsed, string? state, bool json, CancellationToken cancel)
    {
        var options = ServerSettings.Read(line, parsed, GlobalOptions.StateDirectory(state));
        await using var server = await RunningServer.StartAsync(options, new ServerParts(), cancel);
        if (json)
        {
            Write(new { @event = "serving", address = server.Address, setUp = server.SetUpLink });
        }
        else
        {
            Console.Out.WriteLine($"sealift: serving at {server.Address}");
            if (server.SetUpLink is { } link) Console.Out.WriteLine($"There is no user yet. Within an hour, make the first one here:\n  {link}");
        }

        return await server.WaitAsync(cancel) ? 0 : 70;
    }

    /// <summary>Adds, lists or removes users, or gives one a new password. Whoever can write to the database may: no server need run.</summary>
    public static async Task<int> UserAsync(string verb, ServeCommandLine line, ParseResult parsed, string? state, bool json, CancellationToken cancel)
    {
        var options = ServerSettings.Read(line, parsed, GlobalOptions.StateDirectory(state));
        await using var storage = await ServerStorage.OpenAsync(options, cancel);
        using var users = new UserAccounts(storage.Database, TimeProvider.System);
        if (verb == "list")
        {
            foreach (var user in await users.ListAsync(cancel))
            {
                if (json) Write(new { @event = "user", name = user.Name, roles = user.Roles, createdAt = user.CreatedAt, lockedUntil = user.LockedUntil });
                else Console.Out.WriteLine($"{user.Name,-30} {string.Join(',', user.Roles),-24} {user.CreatedAt.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)}{(user.LockedUntil is null ? string.Empty : "  locked")}");
            }

            return 0;
        }

        var name = parsed.GetValue(line.UserName)!;
        switch (verb)
        {
            case "add":
                await users.AddAsync(name, NewPassword.Read(name), parsed.GetValue(line.Roles)!, onlyFirst: false, cancel);
                break;
            case "password":
                await users.SetPasswordAsync(name, NewPassword.Read(name), cancel);
                break;
            default:
                await users.RemoveAsync(name, cancel);
                break;
        }

        await new AuditLog(storage.Database, TimeProvider.System).AddAsync(Environment.UserName, "command", string.Empty, $"user.{verb}", name, "done", cancel);
        var done = verb switch { "add" => "added", "password" => "has a new password, and every session is over", _ => "removed" };
        if (json) Write(new { @event = $"user-{verb}", name });
        else Console.Out.WriteLine($"{name}: {done}");
        return 0;
    }

    private static void Write<T>(T what) => Console.Out.WriteLine(JsonSerializer.Serialize(what));
}
