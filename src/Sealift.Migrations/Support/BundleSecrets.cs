using System.Collections;
using System.Text;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Support;

/// <summary>Gathers the secrets that this host knows, so that they are found wherever a tool may have written them. They are kept only as long as a bundle is made.</summary>
internal static class BundleSecrets
{
    private const int LimitBytes = 64 << 10;

    /// <summary>Reads them.</summary>
    /// <param name="stateDirectory">The state directory: its keys and its registered servers.</param>
    /// <param name="keyFiles">Files with keys of encrypted volumes.</param>
    /// <param name="notKnown">What could not be read: a sentence each.</param>
    public static KnownSecrets Gather(string stateDirectory, IEnumerable<string> keyFiles, List<string> notKnown)
    {
        var known = new KnownSecrets();
        Keys(stateDirectory, known, notKnown);
        Providers(stateDirectory, known, notKnown);
        foreach (var path in keyFiles.Distinct())
        {
            using var file = FoundFile.Open(path, null, out var why);
            if (file is null || file.LengthBytes > LimitBytes)
            {
                notKnown.Add($"The key of an encrypted volume in {path} was not looked for by its value: {(file is null ? why : "the file is too long")}.");
                continue;
            }

            var key = file.Read();
            Add(known, Encoding.UTF8.GetString(key).Split('\n')[0].TrimEnd('\r'), $"the key in {path}", notKnown);
            known.Add(key);
        }

        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            // A number or a path in such a variable is a reference to a secret rather than one.
            if (variable is { Key: string name, Value: string { Length: >= 6 } value } && SecretPatterns.SecretName.IsMatch(name) && !value.StartsWith('/') && !value.All(char.IsAsciiDigit))
                Add(known, value, $"the variable {name}", notKnown);
        }

        return known;
    }

    private static void Keys(string stateDirectory, KnownSecrets known, List<string> notKnown)
    {
        var directory = Path.Combine(stateDirectory, "keys");
        if (FileFacts.OfPathIfExists(directory) is not { Kind: FileKind.Directory }) return;
        try
        {
            foreach (var name in PosixPath.List(directory).Where(n => !n.EndsWith(".pub", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                using var file = FoundFile.Open(Path.Combine(directory, name), null, out var why);
                if (file is null || file.LengthBytes > LimitBytes)
                {
                    notKnown.Add($"keys/{name} was not looked for by its value: {(file is null ? why : "it is too long")}.");
                    continue;
                }

                var content = file.Read();
                known.Add(content);
                var lines = Encoding.ASCII.GetString(content).Split('\n').Where(l => l.Length > 0 && !l.StartsWith('-')).ToList();
                // Each line for itself, too: a log may have something before each.
                if (content.AsSpan().StartsWith("-----BEGIN"u8))
                    foreach (var line in lines.Where(l => l.Length >= 16).Append(string.Concat(lines))) _ = known.Add(line); // false: there is no such line
            }
        }
        catch (SealiftException e)
        {
            notKnown.Add($"The keys of this host were not all looked for by their values: {e.Message}");
        }
    }

    private static void Providers(string stateDirectory, KnownSecrets known, List<string> notKnown)
    {
        try
        {
            var registry = new VSphereRegistry(stateDirectory);
            foreach (var name in registry.Names())
            {
                try
                {
                    Add(known, registry.PasswordOf(name), $"the password of provider {name}", notKnown);
                }
                catch (SealiftException e)
                {
                    notKnown.Add($"The password of provider {name} was not looked for by its value: {e.Message}");
                }
            }
        }
        catch (SealiftException e)
        {
            notKnown.Add($"Passwords of providers were not looked for by their values: {e.Message}");
        }
    }

    private static void Add(KnownSecrets known, string secret, string what, List<string> notKnown)
    {
        if (secret.Length > 0 && !known.Add(secret)) notKnown.Add($"{what} is too short, or too long, to be looked for by its value.");
    }
}
