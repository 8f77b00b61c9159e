using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Rigs;

/// <summary>
/// A vCenter on a loopback port: govmomi's simulator behind a server of our own (tests/rigs/vcsim), which is built by the first test
/// that wants one. Nothing of it is left when it is disposed.
/// </summary>
internal sealed class VCenter : IAsyncDisposable
{
    public const string User = "user@rig.local";
    public const string Password = "rig-Pa55<&>word";

    private static readonly Lazy<Task<string>> Program = new(BuildAsync);

    private readonly ChildProcess process;
    private readonly DirectoryInfo directory;
    private readonly HttpClient steering;

    private VCenter(ChildProcess process, DirectoryInfo directory, JsonElement ready)
    {
        (this.process, this.directory) = (process, directory);
        Address = new Uri(ready.GetProperty("url").GetString()!);
        CaFile = ready.GetProperty("ca").GetString()!;
        Sha256 = ready.GetProperty("sha256").GetString()!;
        Sha1 = ready.GetProperty("sha1").GetString()!;
        var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null && Convert.ToHexStringLower(SHA256.HashData(certificate.GetRawCertData())) == Sha256;
        steering = new HttpClient(handler) { BaseAddress = Address };
    }

    public Uri Address { get; }

    /// <summary>The authority that signed the certificate, which is for localhost.</summary>
    public string CaFile { get; }

    public string Sha256 { get; }

    public string Sha1 { get; }

    public VSphereOptions Options => new()
    {
        Address = Address,
        User = User,
        Password = new VSphereSecret(Password),
        Trust = ServerTrust.Pinned(Sha256),
        UpdateWait = TimeSpan.FromSeconds(2),
        LostReplyGrace = TimeSpan.FromSeconds(1),
        TaskDeadline = TimeSpan.FromMinutes(2),
    };

    public static async Task<VCenter> StartAsync(CancellationToken cancel, int machines = 4)
    {
        var program = await Program.Value.WaitAsync(cancel);
        var directory = Directory.CreateTempSubdirectory("sealift-vcenter-");
        var process = ChildProcess.Start(new ChildCommand(program, "-machines", machines.ToString(CultureInfo.InvariantCulture), "-user", User, "-password", Password, "-directory", directory.FullName)
        {
            Environment = new Dictionary<string, string?> { ["TMPDIR"] = directory.FullName }, // the simulator's datastores
        });
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(TimeSpan.FromMinutes(2));
            var line = await process.ReadLineAsync(limit.Token) ?? throw new InvalidOperationException($"vcsim did not start: {process.ErrorTail}");
            using var ready = JsonDocument.Parse(line);
            return new VCenter(process, directory, ready.RootElement);
        }
        catch
        {
            await process.DisposeAsync();
            directory.Delete(recursive: true);
            throw;
        }
    }

    public Task<VSphereClient> ConnectAsync(CancellationToken cancel) => VSphereClient.ConnectAsync(Options, cancel);

    /// <summary>Ends every session that there is.</summary>
    public Task ExpireSessionsAsync(CancellationToken cancel) => SteerAsync("expire", "{}", cancel);

    /// <summary>What happens to a coming request of an operation, once: <c>drop-request</c>, <c>drop-reply</c> or <c>expire</c>.</summary>
    public Task HappenAsync(string operation, string what, CancellationToken cancel, int skip = 0, int count = 1) =>
        SteerAsync("incident", $$"""{"operation":"{{operation}}","what":"{{what}}","count":{{count}},"skip":{{skip}}}""", cancel);

    /// <summary>Answers the next request of an operation with a fault.</summary>
    public Task RefuseAsync(string operation, string fault, string detail, CancellationToken cancel, int count = 1) =>
        SteerAsync("incident", $$"""{"operation":"{{operation}}","what":"fault","count":{{count}},"fault":"{{fault}}","detail":"{{JsonEncodedText.Encode(detail)}}"}""", cancel);

    /// <summary>Answers the next request of an operation with just this.</summary>
    public Task AnswerAsync(string operation, int status, string type, string body, CancellationToken cancel) =>
        SteerAsync("incident", $$"""{"operation":"{{operation}}","what":"body","count":1,"status":{{status}},"type":"{{type}}","body":"{{JsonEncodedText.Encode(body)}}"}""", cancel);

    /// <summary>What change tracking says of a disk: see trackedDisk in tests/rigs/vcsim/added.go.</summary>
    public Task TrackAsync(string json, CancellationToken cancel) => SteerAsync("disk", json, cancel);

    /// <summary>Gives a disk the bytes of a file, and its length: that of the file, or another. A disk of another length than before is tracked anew.</summary>
    public Task FillDiskAsync(ManagedReference machine, int key, string file, CancellationToken cancel, long? capacityBytes = null) =>
        AskAsync("content", new JsonObject { ["vm"] = machine.Value, ["key"] = key, ["file"] = file, ["capacity"] = capacityBytes ?? 0 }, cancel);

    /// <summary>Gives a disk another length.</summary>
    public Task ResizeDiskAsync(ManagedReference machine, int key, long capacityBytes, CancellationToken cancel) =>
        AskAsync("content", new JsonObject { ["vm"] = machine.Value, ["key"] = key, ["capacity"] = capacityBytes }, cancel);

    /// <summary>The file with the bytes of a disk as the machine has it now: who writes there does so as the guest.</summary>
    public async Task<string> DiskPathAsync(ManagedReference machine, int key, CancellationToken cancel)
    {
        using var answer = JsonDocument.Parse(await AskAsync("path", new JsonObject { ["vm"] = machine.Value, ["key"] = key }, cancel));
        return answer.RootElement.GetProperty("path").GetString()!;
    }

    /// <summary>Has a disk be written to a new file from now on, on top of the one before, as it is where there is a snapshot.</summary>
    public Task AddDeltaAsync(ManagedReference machine, int key, CancellationToken cancel) =>
        AskAsync("delta", new JsonObject { ["vm"] = machine.Value, ["key"] = key }, cancel);

    /// <summary>Gives a machine's disks back the bytes of a snapshot. Changes are tracked anew from then on.</summary>
    public Task RevertAsync(ManagedReference machine, ManagedReference snapshot, CancellationToken cancel) =>
        AskAsync("revert", new JsonObject { ["vm"] = machine.Value, ["snapshot"] = snapshot.Value }, cancel);

    /// <summary>Areas that are left out of every answer about the changes of a disk, in place of those before.</summary>
    public Task LieAsync(ManagedReference machine, int key, IEnumerable<(long Start, long Length)> areas, CancellationToken cancel) =>
        AskAsync("lie", new JsonObject { ["vm"] = machine.Value, ["key"] = key, ["areas"] = new JsonArray([.. areas.Select(a => new JsonArray(a.Start, a.Length))]) }, cancel);

    /// <summary>Whether a machine's guest ignores that it shall shut down.</summary>
    public Task DeafenAsync(ManagedReference machine, bool deaf, CancellationToken cancel) =>
        AskAsync("deaf", new JsonObject { ["vm"] = machine.Value, ["deaf"] = deaf }, cancel);

    /// <summary>What goes wrong with disks that are opened from now on by the stand-in for VMware's library: see libraryFault in tests/rigs/vcsim/vddk.go.</summary>
    public Task BreakLibraryAsync(string json, CancellationToken cancel) => SteerAsync("library", json, cancel);

    /// <summary>What is odd about leases from now on: see leaseFault in tests/rigs/vcsim/export.go.</summary>
    public Task BreakLeasesAsync(string json, CancellationToken cancel) => SteerAsync("lease", json, cancel);

    /// <summary>Puts the stand-in for nbdkit's vddk plugin before the nbdkit of this host, for every program that this process starts from now on.</summary>
    public static void UseLibraryStandIn()
    {
        var folder = Path.Combine(Path.GetDirectoryName(ThisFile())!, "vddk");
        var path = Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        if (!path.StartsWith(folder + ":", StringComparison.Ordinal)) Environment.SetEnvironmentVariable("PATH", $"{folder}:{path}");
    }

    /// <summary>Answers every coming request of the other API, REST, with just this.</summary>
    public Task AnswerRestAsync(int status, string body, CancellationToken cancel) => AskAsync("rest", new JsonObject { ["status"] = status, ["body"] = body }, cancel);

    /// <summary>Puts a tag on an object, in a category of its own.</summary>
    public async Task TagAsync(ManagedReference target, string category, string name, CancellationToken cancel)
    {
        const string Tagging = "rest/com/vmware/cis/tagging/";
        using var login = new HttpRequestMessage(HttpMethod.Post, new Uri("rest/com/vmware/cis/session", UriKind.Relative));
        login.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));
        var session = await SendAsync(login);
        var categoryId = await SendAsync(Request(Tagging + "category", new JsonObject { ["create_spec"] = new JsonObject { ["name"] = category, ["cardinality"] = "MULTIPLE", ["description"] = "", ["associable_types"] = new JsonArray() } }));
        var tag = await SendAsync(Request(Tagging + "tag", new JsonObject { ["create_spec"] = new JsonObject { ["name"] = name, ["description"] = "", ["category_id"] = categoryId } }));
        _ = await SendAsync(Request($"{Tagging}tag-association/id:{tag}?~action=attach", new JsonObject { ["object_id"] = new JsonObject { ["id"] = target.Value, ["type"] = target.Type } }));

        HttpRequestMessage Request(string path, JsonObject body)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
            request.Headers.Add("vmware-api-session-id", session);
            return request;
        }

        async Task<string> SendAsync(HttpRequestMessage request)
        {
            using var reply = await steering.SendAsync(request, cancel);
            var said = await reply.Content.ReadAsStringAsync(cancel);
            if (!reply.IsSuccessStatusCode) throw new InvalidOperationException($"the rig: {(int)reply.StatusCode} {said}");
            return said.Length == 0 ? string.Empty : JsonNode.Parse(said)?["value"]?.ToString() ?? string.Empty;
        }
    }

    /// <summary>How many requests of an operation came.</summary>
    public async Task<int> CountAsync(string operation, CancellationToken cancel)
    {
        using var counts = JsonDocument.Parse(await SteerAsync("counts", "{}", cancel));
        return counts.RootElement.TryGetProperty(operation, out var count) ? count.GetInt32() : 0;
    }

    public async ValueTask DisposeAsync()
    {
        steering.Dispose();
        await process.DisposeAsync();
        directory.Delete(recursive: true);
    }

    private Task<string> AskAsync(string what, JsonObject arguments, CancellationToken cancel) => SteerAsync(what, arguments.ToJsonString(), cancel);

    private async Task<string> SteerAsync(string what, string json, CancellationToken cancel)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var reply = await steering.PostAsync(new Uri("rig/" + what, UriKind.Relative), content, cancel);
        var said = await reply.Content.ReadAsStringAsync(cancel);
        return reply.StatusCode == HttpStatusCode.OK ? said : throw new InvalidOperationException($"the rig: {said}");
    }

    /// <summary>Builds the program into out/, where the compiler's own cache makes the next time short. Two test projects may do so at once.</summary>
    private static async Task<string> BuildAsync()
    {
        var source = Path.Combine(Path.GetDirectoryName(ThisFile())!, "vcsim");
        var output = Directory.CreateDirectory(Path.GetFullPath(Path.Combine(source, "..", "..", "..", "out", "rigs"))).FullName;
        var fresh = Path.Combine(output, $"vcsim-{Environment.ProcessId}");
        _ = await ChildProcess.RunAsync(new ChildCommand("go", "build", "-o", fresh, ".")
        {
            WorkingDirectory = source,
            StartsOthers = true,
            Environment = new Dictionary<string, string?> { ["GO111MODULE"] = "off", ["GOPATH"] = "/usr/share/gocode", ["GOCACHE"] = Path.Combine(output, "go-cache"), ["GOFLAGS"] = null },
        }, CancellationToken.None);
        var program = Path.Combine(output, "vcsim");
        File.Move(fresh, program, overwrite: true);
        return program;
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
