using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Sealift.Analyzers;

/// <summary>
/// Which results must be used: those of native calls, of the strict wrappers (every method below <c>Sealift.Posix</c> that returns
/// something), of the framework's calls that may do less than they were asked to, and HTTP replies.
/// </summary>
internal sealed class MustUse
{
    private const string StrictNamespace = "Sealift.Posix";

    // A call that may do less than it was asked to and says so by its result only. The names hold for overrides in derived types too.
    private static readonly (string Type, string[] Methods)[] Partial =
    [
        ("System.IO.Stream", ["Read", "ReadAsync", "ReadAtLeast", "ReadAtLeastAsync", "ReadByte"]),
        ("System.IO.RandomAccess", ["Read", "ReadAsync"]),
        ("System.IO.TextReader", ["Read", "ReadAsync", "ReadBlock", "ReadBlockAsync"]),
        ("System.IO.BinaryReader", ["Read"]),
        ("System.Net.Sockets.Socket", ["Receive", "ReceiveAsync", "ReceiveFrom", "ReceiveFromAsync", "ReceiveMessageFrom", "ReceiveMessageFromAsync", "Send", "SendAsync", "SendTo", "SendToAsync"]),
        ("System.Net.Sockets.SocketTaskExtensions", ["ReceiveAsync", "ReceiveFromAsync", "ReceiveMessageFromAsync", "SendAsync", "SendToAsync"]),
        ("System.Net.Sockets.UdpClient", ["Receive", "ReceiveAsync", "Send", "SendAsync"]),
        ("System.Diagnostics.Process", ["Start", "WaitForExit", "WaitForInputIdle"]),
        ("System.Threading.Channels.ChannelWriter`1", ["TryWrite"]),
    ];

    private readonly Dictionary<INamedTypeSymbol, HashSet<string>> partial = new(SymbolEqualityComparer.Default);
    private readonly INamedTypeSymbol? reply;
    private readonly INamedTypeSymbol? task;

    public MustUse(Compilation compilation)
    {
        foreach (var (type, methods) in Partial)
            if (compilation.GetTypeByMetadataName(type) is { } symbol) partial[symbol] = [.. methods];
        reply = compilation.GetTypeByMetadataName("System.Net.Http.HttpResponseMessage");
        task = compilation.GetTypeByMetadataName("System.Threading.Tasks.Task");
    }

    /// <summary>Whether a type is a task, a value task, or what ConfigureAwait makes of one.</summary>
    public static bool IsTask(ITypeSymbol? type) =>
        type is not null && Lineage(type).Any(t => t.Name is "Task" or "ValueTask" && Is(t.ContainingNamespace, "System.Threading.Tasks")
            || t.Name is "ConfiguredTaskAwaitable" or "ConfiguredValueTaskAwaitable" && Is(t.ContainingNamespace, "System.Runtime.CompilerServices"));

    /// <summary>The call whose result must be used among those that may have given a value; null where there is none.</summary>
    public IMethodSymbol? CallBehind(IOperation? value) => Calls(value).FirstOrDefault(c => MustBeUsed(c.TargetMethod))?.TargetMethod;

    /// <summary>Whether a method's result must be used.</summary>
    public bool MustBeUsed(IMethodSymbol method)
    {
        if (!Answers(method)) return false;
        if (NativeFunction.Is(method) || IsStrict(method.ContainingType)) return true;
        var answer = Awaited(method.ReturnType);
        // What a helper hands on is as good as what it got. EnsureSuccessStatusCode has judged the reply and hands it on for convenience.
        if (IsStrict(answer) || (Lineage(answer).Any(t => SymbolEqualityComparer.Default.Equals(t, reply)) && method.Name != "EnsureSuccessStatusCode")) return true;
        if (IsTimedWait(method, answer)) return true;
        return method.ContainingType is not null && Lineage(method.ContainingType).Any(t => partial.TryGetValue(t.OriginalDefinition, out var names) && names.Contains(method.Name));
    }

    /// <summary>The calls that may have given a value: through await, conversions, branches, and the wrappers of tasks.</summary>
    private IEnumerable<IInvocationOperation> Calls(IOperation? value)
    {
        switch (value)
        {
            case IAwaitOperation awaited: return Calls(awaited.Operation);
            case IConversionOperation conversion: return Calls(conversion.Operand);
            case IParenthesizedOperation parenthesized: return Calls(parenthesized.Operand);
            case IConditionalAccessOperation access: return Calls(access.WhenNotNull);
            case IConditionalOperation choice: return Calls(choice.WhenTrue).Concat(Calls(choice.WhenFalse));
            case ICoalesceOperation either: return Calls(either.Value).Concat(Calls(either.WhenNull));
            case ISwitchExpressionOperation choice: return choice.Arms.SelectMany(a => Calls(a.Value));
            case IInvocationOperation { Instance: { } instance } wrapper when IsTaskWrapper(wrapper): return Calls(instance);
            case IInvocationOperation all when IsWhenAll(all): return all.Arguments.SelectMany(a => Elements(a.Value)).SelectMany(Calls);
            case IInvocationOperation call: return [call];
            default: return [];
        }
    }

    // await x.ConfigureAwait(false), x.AsTask().WaitAsync(limit), x.GetAwaiter().GetResult(), x.Wait(): the result is x's.
    private static bool IsTaskWrapper(IInvocationOperation call) =>
        call.TargetMethod.Name is "ConfigureAwait" or "AsTask" or "Preserve" or "WaitAsync" or "GetAwaiter" or "GetResult" or "Wait"
        && (IsTask(call.TargetMethod.ContainingType) || call.TargetMethod.ContainingType?.Name.Contains("Awaiter") == true)
        && !(call.TargetMethod.Name == "Wait" && call.Arguments.Length > 0);

    private bool IsWhenAll(IInvocationOperation call) => call.TargetMethod.Name == "WhenAll" && SymbolEqualityComparer.Default.Equals(call.TargetMethod.ContainingType, task);

    private static IEnumerable<IOperation> Elements(IOperation value) => value switch
    {
        IConversionOperation conversion => Elements(conversion.Operand),
        IArrayCreationOperation { Initializer: { } initializer } => initializer.ElementValues,
        ICollectionExpressionOperation collection => collection.Elements,
        _ => [value],
    };

    private static bool Answers(IMethodSymbol method) => !method.ReturnsVoid && !(IsTask(method.ReturnType) && method.ReturnType is INamedTypeSymbol { TypeArguments.IsEmpty: true });

    private static bool IsStrict(ITypeSymbol? type)
    {
        for (var space = type?.ContainingNamespace; space is { IsGlobalNamespace: false }; space = space.ContainingNamespace)
            if (Is(space, StrictNamespace)) return true;
        return false;
    }

    // WaitOne(1000), Wait(timeout), Join(timeout), TryEnter(): false means that it did not happen. Without arguments they wait for ever.
    private static bool IsTimedWait(IMethodSymbol method, ITypeSymbol answer) =>
        answer.SpecialType == SpecialType.System_Boolean
        && (Is(method.ContainingNamespace, "System.Threading") || Is(method.ContainingNamespace, "System.Threading.Tasks"))
        && (method.Name.StartsWith("TryEnter", StringComparison.Ordinal)
            || (method.Name is "Wait" or "WaitAsync" or "WaitOne" or "WaitAll" or "Join" or "SignalAndWait" && !method.Parameters.IsEmpty));

    private static ITypeSymbol Awaited(ITypeSymbol type) => IsTask(type) && type is INamedTypeSymbol { TypeArguments: { Length: 1 } arguments } ? arguments[0] : type;

    private static IEnumerable<INamedTypeSymbol> Lineage(ITypeSymbol type)
    {
        for (var t = type as INamedTypeSymbol; t is not null; t = t.BaseType) yield return t;
    }

    private static bool Is(INamespaceSymbol? space, string name) => space?.ToDisplayString() == name;
}
