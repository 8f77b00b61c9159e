using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sealift.Posix;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>Servers by name: nobody else reads them, nothing damaged is used, and a password comes back only where it belongs.</summary>
public sealed class VSphereRegistryTests : IDisposable
{
    private const string Secret = "planted-Pa55<&>wörd";
    private static readonly string Thumbprint = string.Concat(Enumerable.Repeat("0123456789abcdef", 4));

    private readonly TemporaryDirectory temporary = new();

    private static readonly VSphereProvider Plain = new() { Name = "dc1", Address = new Uri("https://vcenter.example/"), User = "migrator@vsphere.local", Password = PasswordPlace.Store, Thumbprint = Thumbprint };

    private string State => temporary.File("state");

    private VSphereRegistry Registry => new(State);

    private string FileOf(string name) => Path.Combine(State, "providers", name + ".json");

    private string KeyFile => Path.Combine(State, "keys", "providers.key");

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void What_was_registered_comes_back_and_is_gone_when_it_was_removed()
    {
        Assert.Empty(Registry.Names());
        var vddk = new VddkOptions { LibraryDirectory = "/opt/vmware-vix-disklib-distrib", Transports = "nbdssl:nbd", Compression = "fastlz" };
        Registry.Add(Plain with { Vddk = vddk }, Secret);
        Registry.Add(Plain with { Name = "a-2", Thumbprint = null }, "another");
        Assert.Equal(["a-2", "dc1"], Registry.Names());
        Assert.Equal(Plain with { Vddk = vddk }, Registry.Provider("dc1"));

        var access = Registry.Access("dc1");
        Assert.Equal(("dc1", Plain.Address, Plain.User, vddk), (access.Name, access.Options.Address, access.Options.User, access.Vddk));
        Assert.Equal($"the thumbprint {Thumbprint}", access.Options.Trust.ToString());
        Assert.Equal(Secret, Registry.PasswordOf("dc1"));
        Assert.Equal("another", Registry.PasswordOf("a-2"));

        Registry.Remove("dc1");
        Assert.Equal(["a-2"], Registry.Names());
        var gone = Assert.Throws<SealiftException>(() => Registry.Access("dc1"));
        Assert.Equal("SL6503", gone.Code);
        Assert.Contains("a-2", gone.Message, StringComparison.Ordinal); // those that are there
        Assert.Equal("SL6503", Assert.Throws<SealiftException>(() => Registry.Remove("dc1")).Code);
    }

    [Fact]
    public void A_name_is_not_taken_twice_and_nothing_of_the_second_is_left()
    {
        Registry.Add(Plain, Secret);
        var files = Directory.GetFiles(State, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        Assert.Equal("SL6502", Assert.Throws<SealiftException>(() => Registry.Add(Plain with { User = "other" }, "other")).Code);
        Assert.Equal(Plain, Registry.Provider("dc1"));
        Assert.Equal(files, Directory.GetFiles(State, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../dc1")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("-dc1")]
    [InlineData("DC1")]
    [InlineData("dc1\n")]
    [InlineData("dc.1")]
    [InlineData("dä")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123")]
    public void A_name_that_is_none_is_refused_before_it_becomes_a_file(string name)
    {
        Assert.Equal("SL6501", Assert.Throws<SealiftException>(() => Registry.Add(Plain with { Name = name }, Secret)).Code);
        Assert.Equal("SL6501", Assert.Throws<SealiftException>(() => Registry.Access(name)).Code);
        Assert.Equal("SL6501", Assert.Throws<SealiftException>(() => Registry.Remove(name)).Code);
        Assert.False(Directory.Exists(State));
    }

    [Fact]
    public void Nobody_else_can_read_any_of_it_and_no_file_has_the_password()
    {
        Registry.Add(Plain, Secret);
        foreach (var directory in new[] { "providers", "keys" }) Assert.Equal(0x1C0 /* 0700 */, FileFacts.OfPath(Path.Combine(State, directory)).Permissions);
        var all = Directory.GetFiles(State, "*", SearchOption.AllDirectories);
        Assert.Equal(2, all.Length);
        foreach (var file in all)
        {
            Assert.Equal(0x180 /* 0600 */, FileFacts.OfPath(file).Permissions);
            var content = File.ReadAllBytes(file);
            foreach (var encoding in new[] { Encoding.UTF8, Encoding.Unicode, Encoding.Latin1 }) Assert.Equal(-1, content.AsSpan().IndexOf(encoding.GetBytes(Secret)));
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))[..12], Encoding.Latin1.GetString(content), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Secret, Registry.Access("dc1").ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("providers/dc1.json", "640")]
    [InlineData("providers/dc1.json", "604")]
    [InlineData("providers", "750")]
    [InlineData("keys", "701")]
    [InlineData("keys/providers.key", "620")]
    public void What_others_can_reach_is_refused(string path, string mode)
    {
        Registry.Add(Plain, Secret);
        PosixPath.SetPermissions(Path.Combine(State, path), Convert.ToInt32(mode, 8));
        var error = Assert.Throws<SealiftException>(() => Registry.Access("dc1"));
        Assert.Equal("SL6504", error.Code);
        Assert.Contains(mode, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Whatever its mode is: its owner can change it, and the mode.</summary>
    [Theory]
    [InlineData("providers/dc1.json")]
    [InlineData("providers")]
    [InlineData("keys")]
    [InlineData("keys/providers.key")]
    public async Task What_belongs_to_somebody_else_is_refused(string path)
    {
        Registry.Add(Plain, Secret);
        var changed = Path.Combine(State, path);
        await ChownAsync(12345);
        var error = Assert.Throws<SealiftException>(() => Registry.Access("dc1"));
        Assert.Equal(("SL6504", "it belongs to user 12345, who can change it"), (error.Code, error.Said));
        Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
        await ChownAsync(0);
        Assert.Equal("dc1", Registry.Access("dc1").Name);

        async Task ChownAsync(int user) => await ChildProcess.RunAsync(new ChildCommand("chown", $"{user}", changed), TestContext.Current.CancellationToken);
    }

    public static TheoryData<string, Action<JsonObject>> Damages => new()
    {
        { "version", o => o["version"] = 2 },
        { "kind", o => o["kind"] = "hyperv" },
        { "another name", o => o["name"] = "dc2" },
        { "no user", o => o.Remove("user") },
        { "user of another kind", o => o["user"] = 7 },
        { "user null", o => o["user"] = null },
        { "relative address", o => o["address"] = "vcenter" },
        { "no password", o => o.Remove("password") },
        { "password nowhere", o => o["password"] = new JsonObject() },
        { "password in two places", o => o["password"]!["file"] = "/x" },
        { "no base64", o => o["password"]!["encrypted"] = "!" },
        { "more than is known", o => o["proxy"] = "http://evil.example" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_file_is_refused_and_named(string what, Action<JsonObject> damage)
    {
        Assert.NotEmpty(what);
        Registry.Add(Plain, Secret);
        var kept = JsonNode.Parse(File.ReadAllText(FileOf("dc1")))!.AsObject();
        damage(kept);
        File.WriteAllText(FileOf("dc1"), kept.ToJsonString());
        foreach (var use in new Action[] { () => Registry.Access("dc1"), () => Registry.Provider("dc1") })
        {
            var error = Assert.Throws<SealiftException>(use);
            Assert.Equal("SL6505", error.Code);
            Assert.Contains(FileOf("dc1"), error.Message, StringComparison.Ordinal);
        }

        Registry.Remove("dc1"); // which the error says to do
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"version\":1,")]
    public void A_file_that_is_no_provider_is_refused(string content)
    {
        Registry.Add(Plain, Secret);
        File.WriteAllText(FileOf("dc1"), content);
        Assert.Equal("SL6505", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
    }

    [Fact]
    public void A_file_of_any_length_a_link_and_a_directory_are_refused()
    {
        Registry.Add(Plain, Secret);
        var sound = File.ReadAllText(FileOf("dc1"));
        File.AppendAllText(FileOf("dc1"), new string(' ', VSphereRegistry.LimitBytes - sound.Length));
        Assert.Equal(Plain, Registry.Provider("dc1")); // as long as it may be
        File.AppendAllText(FileOf("dc1"), " ");
        Assert.Equal("SL6505", Assert.Throws<SealiftException>(() => Registry.Provider("dc1")).Code);
        File.Delete(FileOf("dc1"));
        var elsewhere = temporary.File("elsewhere.json");
        PosixPath.WriteFileDurably(elsewhere, Encoding.UTF8.GetBytes(sound), replace: false, 0x180);
        File.CreateSymbolicLink(FileOf("dc1"), elsewhere);
        Assert.Equal("SL6505", Assert.Throws<SealiftException>(() => Registry.Provider("dc1")).Code);
        File.Delete(FileOf("dc1"));
        Directory.CreateDirectory(FileOf("dc1"));
        Assert.Equal("SL6505", Assert.Throws<SealiftException>(() => Registry.Provider("dc1")).Code);
    }

    [Fact]
    public void A_password_of_which_one_bit_was_changed_does_not_open()
    {
        Registry.Add(Plain, Secret);
        var sound = File.ReadAllText(FileOf("dc1"));
        var encrypted = JsonDocument.Parse(sound).RootElement.GetProperty("password").GetProperty("encrypted").GetString()!;
        var bytes = Convert.FromBase64String(encrypted);
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 1;
            AssertShut(sound.Replace(encrypted, Convert.ToBase64String(bytes), StringComparison.Ordinal));
            bytes[at] ^= 1;
        }

        AssertShut(sound.Replace(encrypted, Convert.ToBase64String(bytes.AsSpan(0, 28)), StringComparison.Ordinal)); // nothing but nonce and tag
        AssertShut(sound.Replace(encrypted, Convert.ToBase64String(bytes.AsSpan(0, 5)), StringComparison.Ordinal));
        AssertShut(sound.Replace("vcenter.example", "evil.example", StringComparison.Ordinal)); // it would be sent there
        File.WriteAllText(FileOf("dc1"), sound);
        Assert.Equal(Secret, Registry.PasswordOf("dc1"));

        // Nor under another name.
        PosixPath.WriteFileDurably(FileOf("dc2"), Encoding.UTF8.GetBytes(sound.Replace("\"dc1\"", "\"dc2\"", StringComparison.Ordinal)), replace: false, 0x180);
        Assert.Equal("SL6506", Assert.Throws<SealiftException>(() => Registry.Access("dc2")).Code);

        void AssertShut(string content)
        {
            Assert.NotEqual(sound, content);
            File.WriteAllText(FileOf("dc1"), content);
            var error = Assert.Throws<SealiftException>(() => Registry.Access("dc1"));
            Assert.Equal("SL6506", error.Code);
            Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_key_that_is_gone_another_one_or_none_opens_nothing()
    {
        Registry.Add(Plain, Secret);
        var key = File.ReadAllBytes(KeyFile);
        File.WriteAllBytes(KeyFile, [.. key.Select(b => (byte)~b)]);
        Assert.Equal("SL6506", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
        foreach (var length in new[] { 0, 31, 33 })
        {
            File.WriteAllBytes(KeyFile, new byte[length]);
            Assert.Equal("SL6507", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
        }

        File.Delete(KeyFile);
        Assert.Equal("SL6507", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
        Assert.False(File.Exists(KeyFile)); // a new one would open nothing, and hide what is wrong
        Assert.Equal(Plain, Registry.Provider("dc1")); // all that is no secret can be told without it
    }

    [Fact]
    public void The_same_password_is_never_the_same_twice()
    {
        Registry.Add(Plain, Secret);
        Registry.Add(Plain with { Name = "dc2" }, Secret);
        Assert.NotEqual(Encrypted("dc1"), Encrypted("dc2"));

        string Encrypted(string name) => JsonDocument.Parse(File.ReadAllText(FileOf(name))).RootElement.GetProperty("password").GetProperty("encrypted").GetString()!;
    }

    [Theory]
    [InlineData("one line", "one line")]
    [InlineData("first\nsecond\n", "first")]
    [InlineData("from Windows\r\n", "from Windows")]
    [InlineData("", null)]
    [InlineData("\n", null)]
    [InlineData("a\tb", null)]
    public void A_password_in_a_file_is_its_first_line(string content, string? password)
    {
        var path = temporary.File("password");
        PosixPath.WriteFileDurably(path, Encoding.UTF8.GetBytes(content), replace: false, 0x180);
        var provider = Plain with { Password = new PasswordPlace(PasswordKind.File, path) };
        Registry.Add(provider, null);
        Assert.Equal(provider, Registry.Provider("dc1"));
        if (password is null)
        {
            Assert.Equal("SL6508", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
            return;
        }

        Assert.Equal(password, VSphereRegistry.PasswordOf(provider));
        Assert.Equal("dc1", Registry.Access("dc1").Name);
        Assert.False(Directory.Exists(Path.Combine(State, "keys"))); // nothing was stored, so nothing opens it
        PosixPath.SetPermissions(path, 0x184 /* 0604 */);
        Assert.Equal("SL6504", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
        PosixPath.SetPermissions(path, 0x1A0 /* 0640 */); // a group may be meant to
        Assert.Equal("dc1", Registry.Access("dc1").Name);
        File.Delete(path);
        Assert.Equal(Errno.ENOENT, Assert.Throws<PosixException>(() => Registry.Access("dc1")).Errno);
    }

    [Fact]
    public void A_password_in_the_environment_is_read_when_it_is_needed()
    {
        const string Variable = "SEALIFT_TEST_PASSWORD_OF_DC1";
        var provider = Plain with { Password = new PasswordPlace(PasswordKind.Environment, Variable) };
        Registry.Add(provider, null);
        Assert.Equal("SL6508", Assert.Throws<SealiftException>(() => Registry.Access("dc1")).Code);
        Environment.SetEnvironmentVariable(Variable, Secret);
        try
        {
            Assert.Equal(Secret, VSphereRegistry.PasswordOf(provider));
            Assert.Equal("dc1", Registry.Access("dc1").Name);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    [Fact]
    public void A_password_in_the_keyring_that_is_not_there_is_told_by_its_name()
    {
        var provider = Plain with { Password = new PasswordPlace(PasswordKind.Keyring, "sealift-nobody-put-this-there") };
        Registry.Add(provider, null);
        Assert.Equal(provider, Registry.Provider("dc1"));
        var error = Assert.Throws<SealiftException>(() => Registry.Access("dc1"));
        Assert.Equal("SL6508", error.Code);
        Assert.Contains("sealift-nobody-put-this-there", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, VSphereProvider> Unusable => new()
    {
        { "http", Plain with { Address = new Uri("http://vcenter.example/") } },
        { "a password in the address", Plain with { Address = new Uri("https://a:b@vcenter.example/") } },
        { "a relative address", Plain with { Address = new Uri("vcenter", UriKind.Relative) } },
        { "no user", Plain with { User = string.Empty } },
        { "a user of two lines", Plain with { User = "a\nb" } },
        { "two kinds of trust", Plain with { CaFile = "/ca.pem" } },
        { "a relative file of authorities", Plain with { Thumbprint = null, CaFile = "ca.pem" } },
        { "a relative file of the password", Plain with { Password = new PasswordPlace(PasswordKind.File, "password") } },
        { "no variable", Plain with { Password = new PasswordPlace(PasswordKind.Environment, string.Empty) } },
        { "a relative directory of VDDK", Plain with { Vddk = new VddkOptions { LibraryDirectory = "vddk" } } },
        { "transports that are options", Plain with { Vddk = new VddkOptions { Transports = "nbd --x" } } },
        { "an unknown compression", Plain with { Vddk = new VddkOptions { Compression = "zip" } } },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void What_cannot_be_used_is_refused_and_nothing_is_stored(string what, VSphereProvider provider)
    {
        Assert.NotEmpty(what);
        Assert.Equal("SL6511", Assert.Throws<SealiftException>(() => Registry.Add(provider, provider.Password.Kind == PasswordKind.Store ? Secret : null)).Code);
        Assert.False(Directory.Exists(State));
    }
}
