using System.CommandLine;
using System.CommandLine.Parsing;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.VSphere;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift provider add|list|show|remove</c>: the servers that machines come from, by names.</summary>
internal static class ProviderCommands
{
    public static Command Build()
    {
        var command = new Command("provider", "Give the vCenter servers and ESXi hosts that machines come from names.") { Add(), List(), Show(), Remove() };
        return command;
    }

    /// <summary>The argument that names a provider.</summary>
    public static Argument<string> Name() => new("PROVIDER") { Description = "The name of a provider: 'sealift provider list' shows them." };

    private static Command Add()
    {
        var name = new Argument<string>("NAME") { Description = "What it shall be called: lower-case letters, digits and dashes." };
        var address = new Option<string>("--address") { Description = "Where it is.", HelpName = "https://HOST[:PORT]", Required = true };
        var user = new Option<string>("--user") { Description = "Who logs in: user@domain, DOMAIN\\user, or a user of the host.", HelpName = "USER", Required = true };
        var passwordFile = new Option<string?>("--password-file") { Description = "The password is the first line of this file, which is read each time that it is needed, and which not everybody may read.", HelpName = "FILE" };
        var passwordEnv = new Option<string?>("--password-env") { Description = "The password is in this variable of the environment of whatever command needs it.", HelpName = "VARIABLE" };
        var passwordKeyring = new Option<string?>("--password-keyring") { Description = "The password is the key of type 'user' with this description in the kernel's keyring of this user (keyctl(1)).", HelpName = "DESCRIPTION" };
        var caFile = new Option<string?>("--ca-file") { Description = "Its certificate is signed by one of the authorities in this PEM file, which is read each time.", HelpName = "FILE" };
        var thumbprint = new Option<string?>("--thumbprint") { Description = "Its certificate is the one with this SHA-256 or SHA-1, whoever signed it.", HelpName = "HEX" };
        var libdir = new Option<string?>("--vddk-libdir") { Description = "Where VMware's VDDK was unpacked.", HelpName = "DIR" };
        var transports = new Option<string?>("--vddk-transports") { Description = "The transports that VDDK may use, in order.", HelpName = "nbdssl:nbd" };
        var compression = new Option<string?>("--vddk-compression") { Description = "How VDDK compresses what it transfers.", HelpName = "METHOD" };
        compression.AcceptOnlyFromAmong("none", "zlib", "fastlz", "skipz");
        var noCheck = new Option<bool>("--no-check") { Description = "Register it without connecting to it." };
        var command = new Command("vsphere", "Register a vCenter or an ESXi host. It is logged in to before it is registered. Without one of the --password options the password is asked for, or read from standard input, and stored encrypted.")
        {
            name, address, user, passwordFile, passwordEnv, passwordKeyring, caFile, thumbprint, libdir, transports, compression, noCheck,
        };
        command.Validators.Add(result =>
        {
            OnlyOneOf(result, passwordFile, passwordEnv, passwordKeyring);
            OnlyOneOf(result, caFile, thumbprint);
            if (result.GetValue(address) is { } text && !Uri.TryCreate(text, UriKind.Absolute, out _)) result.AddError($"--address must be https://HOST[:PORT].");
        });
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            var vddk = new VddkOptions { LibraryDirectory = Full(parsed.GetValue(libdir)), Transports = parsed.GetValue(transports), Compression = parsed.GetValue(compression) };
            var provider = new VSphereProvider
            {
                Name = parsed.GetValue(name)!,
                Address = new Uri(parsed.GetValue(address)!),
                User = parsed.GetValue(user)!,
                Password = parsed.GetValue(passwordFile) is { } file ? new PasswordPlace(PasswordKind.File, Path.GetFullPath(file))
                    : parsed.GetValue(passwordEnv) is { } variable ? new PasswordPlace(PasswordKind.Environment, variable)
                    : parsed.GetValue(passwordKeyring) is { } key ? new PasswordPlace(PasswordKind.Keyring, key)
                    : PasswordPlace.Store,
                CaFile = Full(parsed.GetValue(caFile)),
                Thumbprint = parsed.GetValue(thumbprint),
                Vddk = vddk == new VddkOptions() ? null : vddk,
            };
            return await AddAsync(new VSphereRegistry(GlobalOptions.StateDirectory(parsed)), provider, parsed.GetValue(noCheck), json, cancel);
        }));
        command.WithExamples(
            "sealift provider add vsphere dc1 --address https://vcenter.example --user migrator@vsphere.local --ca-file vcenter-ca.pem",
            "sealift provider add vsphere esx7 --address https://esx7.example --user root --thumbprint 5e:1a:… --password-file esx7.password",
            "pass show vcenter | sealift provider add vsphere dc1 --address https://vcenter.example --user migrator@vsphere.local");
        return new Command("add", "Register a provider.") { command };
    }

    private static async Task<int> AddAsync(VSphereRegistry registry, VSphereProvider provider, bool noCheck, bool json, CancellationToken cancel)
    {
        registry.CheckNew(provider);
        var typed = provider.Password == PasswordPlace.Store ? TypedPassword.Read(provider.Name, provider.User) : null;
        ServiceContent? found = null;
        if (!noCheck)
        {
            await using var client = await VSphereClient.ConnectAsync(provider.AccessBy(typed ?? VSphereRegistry.PasswordOf(provider)).Options, cancel);
            found = client.Service;
        }

        registry.Add(provider, typed);
        if (json) Write("provider-added", provider, found);
        else Console.Out.WriteLine($"{provider.Name}: {(found is null ? "registered without a look at it" : $"{ErrorReport.Printable(found.FullName)}, API {ErrorReport.Printable(found.ApiVersion)}")}");
        return ExitCode.Success;
    }

    private static Command List()
    {
        var command = new Command("list", "List the providers.");
        command.SetAction(parsed =>
        {
            var registry = new VSphereRegistry(GlobalOptions.StateDirectory(parsed));
            var json = parsed.GetValue(GlobalOptions.Json);
            var exitCode = ExitCode.Success;
            foreach (var name in registry.Names())
            {
                try
                {
                    var provider = registry.Provider(name);
                    if (json) Write("provider", provider, null);
                    else Console.Out.WriteLine($"{provider.Name,-20} {ErrorReport.Printable(provider.User),-30} {provider.Address}");
                }
                catch (SealiftException e)
                {
                    // One that cannot be read does not hide the others.
                    exitCode = ErrorReport.Write(e, json);
                }
            }

            return exitCode;
        });
        return command.WithExamples("sealift provider list");
    }

    private static Command Show()
    {
        var name = Name();
        var command = new Command("show", "Show what was registered of a provider: everything but its password.") { name };
        command.SetAction(parsed =>
        {
            var provider = new VSphereRegistry(GlobalOptions.StateDirectory(parsed)).Provider(parsed.GetValue(name)!);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Write("provider", provider, null);
                return ExitCode.Success;
            }

            Line("name", provider.Name);
            Line("kind", "vsphere");
            Line("address", provider.Address.ToString());
            Line("user", provider.User);
            Line("password", provider.Password.ToString());
            Line("trust", provider.Thumbprint is { } pin ? $"the thumbprint {pin}" : provider.CaFile is { } file ? $"the authorities in {file}" : ServerTrust.System.ToString());
            if (provider.Vddk is not { } vddk) return ExitCode.Success;
            Line("VDDK", vddk.LibraryDirectory ?? "where the system finds it");
            if (vddk.Transports is { } transports) Line("transports", transports);
            if (vddk.Compression is { } compression) Line("compression", compression);
            return ExitCode.Success;

            static void Line(string what, string text) => Console.Out.WriteLine($"{what,-12} {ErrorReport.Printable(text)}");
        });
        return command.WithExamples("sealift provider show dc1");
    }

    private static Command Remove()
    {
        var name = Name();
        var command = new Command("remove", "Forget a provider, with its stored password.") { name };
        command.SetAction(parsed =>
        {
            var removed = parsed.GetValue(name)!;
            new VSphereRegistry(GlobalOptions.StateDirectory(parsed)).Remove(removed);
            if (!parsed.GetValue(GlobalOptions.Json)) Console.Out.WriteLine($"{removed}: removed");
            else JsonLine.Write(w =>
            {
                w.WriteString("event", "provider-removed");
                w.WriteString("name", removed);
            });
            return ExitCode.Success;
        });
        return command.WithExamples("sealift provider remove dc1");
    }

    private static void Write(string name, VSphereProvider provider, ServiceContent? found) => JsonLine.Write(w =>
    {
        w.WriteString("event", name);
        w.WriteString("name", provider.Name);
        w.WriteString("kind", "vsphere");
        w.WriteString("address", provider.Address.AbsoluteUri);
        w.WriteString("user", provider.User);
        w.WriteStartObject("password");
        w.WriteString("kind", provider.Password.Kind.ToString().ToLowerInvariant());
        if (provider.Password.Reference.Length > 0) w.WriteString("reference", provider.Password.Reference);
        w.WriteEndObject();
        w.WriteString("caFile", provider.CaFile);
        w.WriteString("thumbprint", provider.Thumbprint);
        if (provider.Vddk is { } vddk)
        {
            w.WriteStartObject("vddk");
            w.WriteString("libraryDirectory", vddk.LibraryDirectory);
            w.WriteString("transports", vddk.Transports);
            w.WriteString("compression", vddk.Compression);
            w.WriteEndObject();
        }

        if (found is null) return;
        w.WriteString("product", found.FullName);
        w.WriteString("version", found.Version);
        w.WriteString("apiVersion", found.ApiVersion);
        w.WriteBoolean("isVirtualCenter", found.IsVirtualCenter);
    });

    private static void OnlyOneOf(CommandResult result, params ReadOnlySpan<Option<string?>> options)
    {
        var given = new List<string>();
        foreach (var option in options)
        {
            if (result.GetValue(option) is not null) given.Add(option.Name);
        }

        if (given.Count > 1) result.AddError($"{string.Join(" and ", given)} exclude each other.");
    }

    private static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);
}
