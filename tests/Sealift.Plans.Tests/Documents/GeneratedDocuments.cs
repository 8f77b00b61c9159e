using CsCheck;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Plans.Documents;

namespace Sealift.Plans.Tests.Documents;

/// <summary>Documents of all kinds, with every field sometimes there and sometimes not.</summary>
internal static class GeneratedDocuments
{
    private static readonly Gen<string> Text = Gen.OneOf(
        Words("web01", "on", "no", "~", "null", "true", "1e3", "0x10", "-", "- a", "a: b", "a #b", "{a}", "*a", "&a", "!a", "%a", "@a", "`a", "22:00", "'", "\"", "\\", " a", "a ", "a\nb", "\ta", "é\u2028\u2029", "😀", "---", "...", "<<", "=", "?", "|", ">", "2026-11-28"),
        Gen.Char["abcdefghijklmnopqrstuvwxyzABC0123456789-_./:#'\"\\ {}[],&*!|>%@`\t\nåß漢\uFEFF\u00A0"].Array[1, 30].Select(c => new string(c)));

    private static readonly Gen<string> Name = Gen.Char["abcdefghijklmnopqrstuvwxyz0123456789"].Array[1, 12].Select(c => new string(c));
    private static readonly Gen<DocumentReference> Reference = Name.Select(n => new DocumentReference { Name = n });
    private static readonly Gen<DocumentReference> ForeignReference = Text.Select(n => new DocumentReference { Name = n });
    private static readonly Gen<TimeSpan> Time = Gen.Int[60_000, 86_400_000].Select(ms => TimeSpan.FromMilliseconds(ms));
    private static readonly Gen<DateTimeOffset> Instant = Gen.Select(Gen.Long[0, 4_000_000_000_0000000L], Gen.Int[-56, 56], (t, quarters) => DateTimeOffset.UnixEpoch.AddTicks(t).ToOffset(TimeSpan.FromMinutes(15 * quarters)));
    private static readonly Gen<Waiver> Waiver = Gen.Select(Text, Text, Text, (c, f, r) => new Waiver(c, f, r));
    private static readonly Gen<HookUse> HookUse = Gen.Select(Reference, Gen.Enum<HookStep>(), (h, s) => new HookUse { Hook = h, Step = s });

    private static readonly Gen<DocumentMetadata> Metadata = Gen.Select(Name, Gen.Dictionary(Name, Text)[0, 3], Gen.Bool, (n, l, has) => new DocumentMetadata { Name = n, Labels = has ? l : null });

    private static readonly Gen<PlannedMachine> Machine = Gen.Select(Text, Nothing(Text), Nothing(Gen.Enum<TargetPowerState>()), Gen.Int[1, 1000], HookUse.List[0, 2], Waiver.List[0, 2], Gen.Select(Nothing(Name), Nothing(Gen.Enum<PlanType>())),
        (name, id, power, wave, hooks, waivers, more) => new PlannedMachine { Name = name, Id = id, TargetName = more.Item1, Type = more.Item2, TargetPowerState = power, Wave = wave, Hooks = hooks, Waivers = waivers });

    private static readonly Gen<PrecopySpec> Precopy = Gen.Select(Nothing(Time), Nothing(Time), Nothing(Instant), Gen.Enum<AuditScope>(), Nothing(Gen.Enum<ReadBackScope>()), Nothing(Time), Gen.Bool, Gen.Bool,
        (interval, downtime, cutover, audit, readBack, shutdown, off, restart) => new PrecopySpec { Interval = interval, Downtime = downtime, Cutover = cutover, Audit = audit, ReadBack = readBack, ShutdownDeadline = shutdown, ForceOff = off, RestartSource = restart });

    private static readonly Gen<PlanLimits> Limits = Gen.Select(Gen.Int[1, 1000], Nothing(Gen.Int[1, 1000]), Nothing(Gen.Long[65536, long.MaxValue]), (m, h, b) => new PlanLimits { Machines = m, MachinesPerHost = h, Bandwidth = b });

    private static readonly Gen<Document> Plan = Gen.Select(
        Gen.Select(Metadata, Reference, Reference, Machine.List[1, 4]),
        Gen.Select(Nothing(Text), Nothing(Reference), Nothing(Reference), Nothing(Precopy), Nothing(Text)),
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool, Gen.Bool, Gen.Bool),
        Gen.Select(Gen.Enum<PlanType>(), Gen.Enum<TargetPowerState>(), Gen.Enum<BootCheck>(), Gen.Enum<WavePolicy>()),
        Gen.Select(Waiver.List[0, 2], HookUse.List[0, 2], Limits, Nothing(Time), Time, Gen.Select(Instant, Instant).List[0, 3]),
        (a, b, c, d, e) => (Document)new PlanDocument
        {
            Metadata = a.Item1,
            Spec = new PlanSpec
            {
                Provider = new PlanProviders { Source = a.Item2, Destination = a.Item3 },
                Vms = a.Item4,
                Description = b.Item1,
                Map = new PlanMaps { Storage = b.Item2, Network = b.Item3 },
                Precopy = b.Item4,
                TargetNameTemplate = b.Item5,
                Autostart = c.Item1,
                SkipGuestConversion = c.Item2,
                Check = c.Item3,
                AcceptDegraded = c.Item4,
                Overwrite = c.Item5,
                Type = d.Item1,
                TargetPowerState = d.Item2,
                BootCheck = d.Item3,
                WavePolicy = d.Item4,
                Waivers = e.Item1,
                LuksKeys = c.Item5 ? [new PlannedKey { Volume = "all", File = "/k" }, new PlannedKey { Volume = "1b2c7c1e-5d0f-4c6b-9a55-2f1f4f0e8a11", File = "/etc/a key" }] : [],
                Hooks = e.Item2,
                Limits = e.Item3,
                Deadlines = new PlanDeadlines { Machine = e.Item4, Silence = e.Item5 },
                MaintenanceWindows = [.. e.Item6.Select(w => new MaintenanceWindow { Start = w.Item1, End = w.Item2 })],
            },
        });

    private static readonly Gen<Document> Hook = Gen.Select(Metadata, Nothing(Text), Text.List[0, 3], Nothing(Text), Gen.Bool, Gen.Int[1, 86_400], Gen.Enum<HookFailure>(), Reference.List[0, 2],
        (m, program, arguments, image, network, deadline, failure, after) => (Document)new HookDocument { Metadata = m, Spec = new HookSpec { Program = program, Arguments = arguments, Image = image, Network = network, Deadline = deadline, OnFailure = failure, After = after } });

    private static readonly Gen<Document> Provider = Gen.Select(Metadata, Gen.Enum<ProviderType>(), Text, (m, t, u) => (Document)new ProviderDocument { Metadata = m, Spec = new ProviderSpec { Type = t, Url = u } });

    private static readonly Gen<Document> StorageMap = Gen.Select(Metadata, Gen.Select(ForeignReference, Nothing(Text), Nothing(Words("raw", "qcow2")), Nothing(Words("auto", "stream", "reflink", "copy-range")),
            (s, c, f, t) => new StoragePair { Source = s, Destination = new StorageDestination { StorageClass = c, Format = f, Transfer = t } }).List[1, 3],
        (m, pairs) => (Document)new StorageMapDocument { Metadata = m, Spec = new StorageMapSpec { Map = pairs } });

    private static readonly Gen<Document> NetworkMap = Gen.Select(Metadata, Gen.Select(ForeignReference, Gen.Enum<NetworkType>(), Nothing(Text), (s, t, n) => new NetworkPair { Source = s, Destination = new NetworkDestination { Type = t, Name = n } }).List[1, 3],
        (m, pairs) => (Document)new NetworkMapDocument { Metadata = m, Spec = new NetworkMapSpec { Map = pairs } });

    private static readonly Gen<Document> Migration = Gen.Select(Metadata, Reference, Nothing(Instant), ForeignReference.List[0, 3], (m, p, c, x) => (Document)new MigrationDocument { Metadata = m, Spec = new MigrationSpec { Plan = p, Cutover = c, Cancel = x } });

    public static Gen<Document> Any { get; } = Gen.OneOf(Plan, Plan, Hook, Provider, StorageMap, NetworkMap, Migration);

    private static Gen<string> Words(params string[] words) => Gen.Int[0, words.Length - 1].Select(i => words[i]);

    private static Gen<string?> Nothing(Gen<string> gen) => Gen.Select(gen, Gen.Bool, (value, has) => has ? value : null);

    private static Gen<DocumentReference?> Nothing(Gen<DocumentReference> gen) => Gen.Select(gen, Gen.Bool, (value, has) => has ? value : null);

    private static Gen<PrecopySpec?> Nothing(Gen<PrecopySpec> gen) => Gen.Select(gen, Gen.Bool, (value, has) => has ? value : null);

    private static Gen<T?> Nothing<T>(Gen<T> gen) where T : struct => Gen.Select(gen, Gen.Bool, (value, has) => has ? value : (T?)null);
}
