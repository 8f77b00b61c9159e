using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Server.Api;

namespace Sealift.Server;

/// <summary>Plans that are validated because somebody asked for it. It asks providers and opens images: few are done at once, the others wait, and none outlasts the server.</summary>
internal sealed class Validations(IPlanService plans, IHostApplicationLifetime application) : IDisposable
{
    private const int MostAtOnce = 2;

    private readonly SemaphoreSlim atWork = new(MostAtOnce);

    public void Dispose() => atWork.Dispose();

    /// <summary>Validates a plan that is stored.</summary>
    public Task<PlanReport> ValidateAsync(string plan, CancellationToken cancel) => InTurnAsync(c => plans.ValidateAsync(plan, null, c), cancel);

    /// <summary>Validates a plan of documents that are not stored.</summary>
    public Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, CancellationToken cancel) => InTurnAsync(c => plans.ValidateAsync(documents, plan, null, c), cancel);

    private async Task<PlanReport> InTurnAsync(Func<CancellationToken, Task<PlanReport>> validate, CancellationToken cancel)
    {
        using var ends = application.EndsWith(cancel);
        await atWork.WaitAsync(ends.Token);
        try
        {
            return await validate(ends.Token);
        }
        finally
        {
            atWork.Release();
        }
    }
}
