using System.CommandLine;
using Sealift.Nbd;
using Sealift.Scsi;

namespace Sealift.Cli;

/// <summary><c>--iscsi-password-file</c> and <c>--iscsi-initiator</c>: how this host logs in to iSCSI targets. A password itself is never an argument, which everybody on the host can read.</summary>
internal static class IscsiAccess
{
    private static readonly Option<string[]> PasswordFile = new("--iscsi-password-file")
    {
        Description = "The CHAP password of the user in an iscsi:// URI is the first line of this file. May be repeated, each with the user that it is for.",
        HelpName = "[USER=]FILE",
    };

    private static readonly Option<string?> Initiator = new("--iscsi-initiator")
    {
        Description = "Log in to iSCSI targets by this name [default: that in /etc/iscsi/initiatorname.iscsi, else iqn.2026-01.invalid.sealift:HOSTNAME].",
        HelpName = "IQN",
    };

    /// <summary>Gives a command the options.</summary>
    public static void AddTo(Command command)
    {
        command.Options.Add(PasswordFile);
        command.Options.Add(Initiator);
    }

    /// <summary>What a command line says.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="connection">Deadlines and connections, which are the same for all that is reached over a network.</param>
    /// <param name="uris">The URIs that are going to be used: who is asked for by name has no = before it.</param>
    /// <exception cref="Posix.SealiftException">A file cannot be used (SL1001, SL3204).</exception>
    public static IscsiOptions Of(ParseResult parsed, NbdOptions connection, params IEnumerable<IscsiUri> uris)
    {
        var users = uris.Select(u => u.User).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var passwords = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var given in parsed.GetValue(PasswordFile) ?? [])
        {
            // A file's name may have a = in it, too.
            var user = users.Where(u => given.StartsWith(u + "=", StringComparison.Ordinal)).MaxBy(u => u.Length) ?? string.Empty;
            passwords[user] = IscsiOptions.ReadPassword(Path.GetFullPath(user.Length == 0 ? given : given[(user.Length + 1)..]));
        }

        return new IscsiOptions
        {
            ConnectDeadline = connection.ConnectDeadline,
            ReplyDeadline = connection.ReplyDeadline,
            LongDeadline = connection.FlushDeadline,
            Sessions = connection.Connections,
            InitiatorName = parsed.GetValue(Initiator),
            Passwords = passwords,
        };
    }
}
