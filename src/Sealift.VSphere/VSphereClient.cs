namespace Sealift.VSphere;

/// <summary>
/// A session with a vCenter or an ESXi host: the vSphere Web Services API (SOAP 1.1, <c>urn:vim25</c>), as far as a migration needs it.
/// Safe for parallel calls.
/// </summary>
/// <remarks>
/// A session that has ended is opened again once for each call; what had not been carried out is then asked again. What was sent and
/// not answered is sent again only where that changes nothing; the rest is an error (<see cref="VSphereException.IsOutcomeUnknown"/>),
/// or looked for first, as each method says.
/// </remarks>
public sealed partial class VSphereClient : IAsyncDisposable
{
    private const int ResendLimit = 2;
    private static readonly ManagedReference ServiceInstance = new("ServiceInstance", "ServiceInstance");
    private static readonly TimeSpan ResendPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogoutDeadline = TimeSpan.FromSeconds(10);

    private readonly VSphereOptions options;
    private readonly SoapHttp http;
    private readonly SemaphoreSlim loggingIn = new(1);
    private string sessionKey = string.Empty;
    private long session;
    private int disposed;

    private VSphereClient(VSphereOptions options, SoapHttp http, ServiceContent service) => (this.options, this.http, Service) = (options, http, service);

    /// <summary>What can be done with a request that failed.</summary>
    private enum Repeat
    {
        /// <summary>It changes nothing: it is sent again.</summary>
        Anytime,

        /// <summary>It changes something: it is sent again only where the server said that it was not carried out.</summary>
        Never,

        /// <summary>It is about something that belongs to the session: with the session, that is gone, too.</summary>
        WithinSession,
    }

    /// <summary>What the server says that it is.</summary>
    public ServiceContent Service { get; }

    /// <summary>How messages name the server: its host, and its port where that is not 443.</summary>
    public string Peer => http.Peer;

    /// <summary>The certificate by which the server was recognised.</summary>
    public ServerCertificate Certificate => http.Certificate ?? throw new InvalidOperationException("No client is without a connection that was trusted");

    /// <summary>Connects and logs in.</summary>
    /// <param name="options">Where, who, and how the server is recognised.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="VSphereException">SL3301 an option is wrong; SL3302 nobody is there; SL3303 it is not trusted; SL3304 it is no such server; SL3305 it does not answer.</exception>
    /// <exception cref="VSphereFaultException">SL3310: user or password are wrong.</exception>
    public static async Task<VSphereClient> ConnectAsync(VSphereOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(options);
        var http = new SoapHttp(options);
        try
        {
            // Servers of today all have the list; one that has none is spoken to without a version.
            if (await http.GetAsync("vimServiceVersions.xml", cancel) is { } versions)
                http.Action = "urn:vim25/" + Understand("read vimServiceVersions.xml", http.Peer, () => ApiVersion.Choose(versions));
            const string First = "RetrieveServiceContent";
            var reply = await http.PostAsync(First, http.Peer, VimWriter.Request(First, ServiceInstance, null), startsSession: false, options.ReplyDeadline, cancel);
            var client = new VSphereClient(options, http, Understand($"run {First}", http.Peer, () => ServiceContent.Of(reply.Require("returnval"))));
            await client.LogInAsync(cancel);
            return client;
        }
        catch
        {
            http.Dispose();
            throw;
        }
    }

    /// <summary>Whether the session is still valid. It is not opened again for this question.</summary>
    /// <exception cref="VSphereException">The server did not answer.</exception>
    public async Task<bool> IsSessionActiveAsync(CancellationToken cancel)
    {
        const string Operation = "SessionIsActive";
        try
        {
            var body = Write(Operation, Service.SessionManager, w =>
            {
                w.Text("sessionID", sessionKey);
                w.Text("userName", options.User);
            });
            var reply = await http.PostAsync(Operation, Peer, body, startsSession: false, options.ReplyDeadline, cancel);
            return Understand($"run {Operation}", Peer, () => reply.Require("returnval").AsFlag());
        }
        catch (VSphereFaultException e) when (e.Fault.IsNotAuthenticated)
        {
            return false; // this is the answer
        }
    }

    /// <summary>Logs out, where the server still answers, and disconnects.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 1) return;
        try
        {
            const string Operation = "Logout";
            _ = await http.PostAsync(Operation, Peer, Write(Operation, Service.SessionManager, null), startsSession: false, LogoutDeadline, CancellationToken.None); // it returns nothing
        }
        catch (VSphereException)
        {
            // A server that does not answer, or has ended the session itself, forgets it by its own idle limit.
        }
        finally
        {
            http.Dispose();
            loggingIn.Dispose();
        }
    }

    /// <summary>Reads an answer, and says what was attempted where it is not one.</summary>
    private static T Understand<T>(string attempt, string subject, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw VSphereErrors.NotUnderstood(attempt, subject, e.Message, e);
        }
    }

    private static byte[] Write(string operation, ManagedReference target, Action<VimWriter>? arguments)
    {
        try
        {
            return VimWriter.Request(operation, target, arguments);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Which text it was is not said: it may be the password.
            throw VSphereErrors.BadOption("text of a request", operation, "it has a character that XML cannot have");
        }
    }

    private string SubjectOf(ManagedReference target) => $"{Peer}, {target}";

    private async Task<VimElement> CallAsync(string operation, ManagedReference target, Action<VimWriter>? arguments, Repeat repeat, CancellationToken cancel, TimeSpan? deadline = null)
    {
        if (Volatile.Read(ref disposed) == 1) throw VSphereErrors.Closed($"run {operation}", SubjectOf(target));
        var body = Write(operation, target, arguments);
        var subject = SubjectOf(target);
        var opened = false;
        for (var resent = 0; ;)
        {
            var seen = Interlocked.Read(ref session);
            try
            {
                return await http.PostAsync(operation, subject, body, startsSession: false, deadline ?? options.ReplyDeadline, cancel);
            }
            catch (VSphereFaultException e) when (e.Fault.IsNotAuthenticated && !opened)
            {
                // The server says that it did nothing.
                opened = true;
                await OpenAgainAsync(seen, cancel);
                if (repeat == Repeat.WithinSession) throw VSphereErrors.SessionLost(e.Attempt, subject);
            }
            catch (VSphereException e) when (resent < ResendLimit && (e.IsUnreachable || (e.IsOutcomeUnknown && repeat == Repeat.Anytime)))
            {
                // Not sent at all, or nothing that counts twice.
                resent++;
                await Task.Delay(ResendPause, cancel);
            }
        }
    }

    /// <summary>Opens the session again, unless another call has done so meanwhile.</summary>
    /// <param name="seen">The number of the session that has ended.</param>
    /// <param name="cancel">Stops waiting.</param>
    internal async Task OpenAgainAsync(long seen, CancellationToken cancel)
    {
        await loggingIn.WaitAsync(cancel);
        try
        {
            if (Interlocked.Read(ref session) == seen) await LogInAsync(cancel);
        }
        finally
        {
            loggingIn.Release();
        }
    }

    private async Task LogInAsync(CancellationToken cancel)
    {
        const string Operation = "Login";
        var body = Write(Operation, Service.SessionManager, w =>
        {
            w.Text("userName", options.User);
            w.Text("password", options.Password.Reveal());
        });
        var subject = $"{Peer}, user {options.User}";
        VimElement reply;
        try
        {
            reply = await http.PostAsync(Operation, subject, body, startsSession: true, options.ReplyDeadline, cancel);
        }
        catch (VSphereFaultException e) when (e.Message.Contains(options.Password.Reveal(), StringComparison.Ordinal))
        {
            throw VSphereErrors.Refused(e.Attempt, Peer, new VSphereFault(e.Fault.Name, string.Empty, null)); // it repeats what it was told
        }

        sessionKey = Understand($"run {Operation}", Peer, () => reply.Require("returnval").TextOf("key") ?? throw new InvalidDataException("the session has no key"));
        Interlocked.Increment(ref session);
    }
}
