using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Sealift.Bench.Mutation;

/// <summary>
/// Finds what can be changed in a file. Texts are left alone: string literals, and whatever is only said in an exception. So are
/// constants, patterns of a switch, attributes and default values, which no switch can be built into.
/// </summary>
internal sealed class MutantFinder(SemanticModel model, string file, Func<int> nextId) : CSharpSyntaxWalker
{
    private readonly List<Mutant> found = [];
    private readonly Dictionary<SyntaxNode, int> members = [];

    /// <summary>All mutants of a file, in its order.</summary>
    /// <param name="model">Of the unchanged file.</param>
    /// <param name="file">What the mutants call it.</param>
    /// <param name="nextId">Counts on.</param>
    public static IReadOnlyList<Mutant> Find(SemanticModel model, string file, Func<int> nextId)
    {
        var finder = new MutantFinder(model, file, nextId);
        var root = model.SyntaxTree.GetRoot();
        foreach (var member in Members(root)) finder.members.Add(member, finder.members.Count);
        finder.Visit(root);
        return finder.found;
    }

    /// <summary>The members of a file in order; a mutated file has the same.</summary>
    public static IEnumerable<SyntaxNode> Members(SyntaxNode root) => root.DescendantNodes().Where(n => n is MemberDeclarationSyntax);

    /// <inheritdoc/>
    public override void Visit(SyntaxNode? node)
    {
        if (node is null || IsText(node) || IsConstant(node)) return;
        switch (node)
        {
            case StatementSyntax statement: FindInStatement(statement); break;
            case CatchClauseSyntax { Filter: null } clause when clause.Block.Statements.LastOrDefault() is not ThrowStatementSyntax { Expression: null }:
                Add(clause, Form.NoCatch, "catch disabled", isCheck: true);
                break;
            case MethodDeclarationSyntax { ExpressionBody.Expression: var body } when IsVoid(body): Add(node, Form.DropBody, "call dropped", isCheck: true); break;
            case ParenthesizedLambdaExpressionSyntax { ExpressionBody: { } body } when IsVoid(body): Add(node, Form.DropBody, "call dropped", isCheck: true); break;
            case SimpleLambdaExpressionSyntax { ExpressionBody: { } body } when IsVoid(body): Add(node, Form.DropBody, "call dropped", isCheck: true); break;
            case ExpressionSyntax expression: FindInExpression(expression); break;
        }

        base.Visit(node);
    }

    private void FindInStatement(StatementSyntax statement)
    {
        if (statement is LocalFunctionStatementSyntax { ExpressionBody.Expression: var body } && IsVoid(body)) Add(statement, Form.DropBody, "call dropped", isCheck: true);
        var isAlone = IsAllOfAnIf(statement); // then it is the same as the condition that never holds
        switch (statement)
        {
            case ExpressionStatementSyntax { Expression: AssignmentExpressionSyntax { Left: not IdentifierNameSyntax { Identifier.Text: "_" } } }:
                if (!isAlone) Add(statement, Form.Drop, "assignment dropped", isCheck: false);
                break;
            case ExpressionStatementSyntax { Expression: PostfixUnaryExpressionSyntax or PrefixUnaryExpressionSyntax }:
                if (!isAlone) Add(statement, Form.Drop, "count dropped", isCheck: false);
                break;
            case ExpressionStatementSyntax:
                if (!isAlone) Add(statement, Form.Drop, "call dropped", isCheck: true);
                break;
            case ThrowStatementSyntax:
                if (!isAlone) Add(statement, Form.Drop, "throw dropped", isCheck: true);
                break;
            case ReturnStatementSyntax { Expression: null } or BreakStatementSyntax or ContinueStatementSyntax or YieldStatementSyntax:
                if (!isAlone) Add(statement, Form.Drop, "jump dropped", isCheck: false);
                break;
            case ForStatementSyntax loop:
                foreach (var step in loop.Incrementors.OfType<PostfixUnaryExpressionSyntax>())
                    Add(step, Form.Replace, "loop does not count", isCheck: true, step.Operand.ToString());
                break;
        }
    }

    private void FindInExpression(ExpressionSyntax expression)
    {
        if (expression is ParenthesizedExpressionSyntax) return;
        if (expression is LiteralExpressionSyntax literal) FindInLiteral(literal);
        else if (IsCondition(expression, out var and, out var or))
        {
            if (!or) Add(expression, Form.True, "condition always true", isCheck: true);
            if (!and) Add(expression, Form.False, "condition always false", isCheck: true);
        }

        switch (expression)
        {
            case BinaryExpressionSyntax binary: FindInBinary(binary); break;
            case IsPatternExpressionSyntax pattern: FindInPattern(pattern); break;
            case CheckedExpressionSyntax { RawKind: (int)SyntaxKind.CheckedExpression } check: Add(check, Form.Replace, "unchecked", isCheck: true, $"unchecked({check.Expression})"); break;
            case InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.Text: "Math" }, Name.Identifier.Text: ("Min" or "Max") and var name } access } call:
                Add(call, Form.Replace, "bound swapped", isCheck: true, call.ReplaceNode(access.Name, SyntaxFactory.IdentifierName(name == "Min" ? "Max" : "Min")).ToString());
                break;
        }
    }

    private void FindInLiteral(LiteralExpressionSyntax literal)
    {
        var type = model.GetTypeInfo(literal).ConvertedType;
        if (literal.Kind() is SyntaxKind.TrueLiteralExpression) Add(literal, Form.Replace, "constant flipped", isCheck: false, "false");
        else if (literal.Kind() is SyntaxKind.FalseLiteralExpression) Add(literal, Form.Replace, "constant flipped", isCheck: false, "true");
        else if (literal.Token.Value is 0 && type?.TypeKind != TypeKind.Enum) Add(literal, Form.Replace, "0 is 1", isCheck: false, "1");
        else if (literal.Token.Value is 1) Add(literal, Form.Replace, "1 is 0", isCheck: false, "0");
    }

    private void FindInBinary(BinaryExpressionSyntax binary)
    {
        if (binary.IsKind(SyntaxKind.CoalesceExpression) && binary.Right is ThrowExpressionSyntax)
        {
            var isNullable = model.GetTypeInfo(binary.Left).Type is { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T };
            Add(binary, Form.Replace, "throw dropped", isCheck: true, isNullable ? $"({binary.Left}).GetValueOrDefault()" : $"({binary.Left})!");
            return;
        }

        if (model.GetTypeInfo(binary).Type?.SpecialType == SpecialType.System_String) return;
        var (other, isCheck) = binary.Kind() switch
        {
            SyntaxKind.LessThanExpression => ("<=", true),
            SyntaxKind.LessThanOrEqualExpression => ("<", true),
            SyntaxKind.GreaterThanExpression => (">=", true),
            SyntaxKind.GreaterThanOrEqualExpression => (">", true),
            SyntaxKind.LogicalAndExpression => ("||", false),
            SyntaxKind.LogicalOrExpression => ("&&", false),
            SyntaxKind.AddExpression => ("-", false),
            SyntaxKind.SubtractExpression => ("+", false),
            SyntaxKind.MultiplyExpression => ("/", false),
            SyntaxKind.DivideExpression => ("*", false),
            SyntaxKind.ModuloExpression => ("*", false),
            SyntaxKind.LeftShiftExpression => (">>", false),
            SyntaxKind.RightShiftExpression => ("<<", false),
            SyntaxKind.BitwiseAndExpression => ("|", false),
            SyntaxKind.BitwiseOrExpression => ("&", false),
            _ => (string.Empty, false),
        };
        if (other.Length > 0) Add(binary, Form.Replace, $"{binary.OperatorToken.Text} is {other}", isCheck, $"{binary.Left} {other} {binary.Right}");
    }

    private void FindInPattern(IsPatternExpressionSyntax expression)
    {
        foreach (var part in expression.Pattern.DescendantNodesAndSelf())
        {
            switch (part)
            {
                case BinaryPatternSyntax binary:
                    Add(expression, Form.Replace, "alternative dropped", isCheck: true, expression.ReplaceNode(binary, binary.Left).ToString());
                    Add(expression, Form.Replace, "alternative dropped", isCheck: true, expression.ReplaceNode(binary, binary.Right).ToString());
                    break;
                case RelationalPatternSyntax relation:
                    var other = relation.OperatorToken.Text switch { "<" => "<= ", "<=" => "< ", ">" => ">= ", _ => "> " };
                    Add(expression, Form.Replace, $"{relation.OperatorToken.Text} is {other.Trim()}", isCheck: true, expression.ReplaceNode(relation, SyntaxFactory.ParseExpression($"x is {other}{relation.Expression}") is IsPatternExpressionSyntax { Pattern: var p } ? p : relation).ToString());
                    break;
            }
        }
    }

    /// <summary>Whether a value of type bool decides something: it is a whole condition, or one side of a conjunction or a disjunction.</summary>
    private bool IsCondition(ExpressionSyntax expression, out bool and, out bool or)
    {
        (and, or) = (false, false);
        if (model.GetTypeInfo(expression).Type?.SpecialType != SpecialType.System_Boolean || model.GetConstantValue(expression).HasValue) return false;
        if (expression is IsPatternExpressionSyntax { Pattern: VarPatternSyntax }) return false; // a name, no question
        SyntaxNode child = expression;
        while (child.Parent is ParenthesizedExpressionSyntax) child = child.Parent;
        switch (child.Parent)
        {
            case BinaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalAndExpression }: return and = true;
            case BinaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalOrExpression }: return or = true;
            case ArgumentSyntax argument: return argument.RefKindKeyword.IsKind(SyntaxKind.None);
            case AssignmentExpressionSyntax assignment: return assignment.Right == child && assignment.Left is not IdentifierNameSyntax { Identifier.Text: "_" };
            case ConditionalExpressionSyntax or IfStatementSyntax or WhileStatementSyntax or DoStatementSyntax or ForStatementSyntax or CatchFilterClauseSyntax or WhenClauseSyntax
                or ReturnStatementSyntax or ArrowExpressionClauseSyntax or EqualsValueClauseSyntax or LambdaExpressionSyntax or SwitchExpressionArmSyntax: return true;
            default: return false;
        }
    }

    private static bool IsAllOfAnIf(StatementSyntax statement) => statement.Parent switch
    {
        IfStatementSyntax { Else: null } => true,
        BlockSyntax { Statements.Count: 1, Parent: IfStatementSyntax { Else: null } } => true,
        _ => false,
    };

    private bool IsVoid(ExpressionSyntax body) => body is InvocationExpressionSyntax or AwaitExpressionSyntax && model.GetTypeInfo(body).Type?.SpecialType == SpecialType.System_Void;

    private static bool IsText(SyntaxNode node) => node
        is ThrowExpressionSyntax
        or InterpolatedStringExpressionSyntax
        or AttributeListSyntax
        || (node.Parent is ThrowStatementSyntax && node is ExpressionSyntax);

    private static bool IsConstant(SyntaxNode node) => node
        is EnumMemberDeclarationSyntax
        or SwitchLabelSyntax
        or PatternSyntax
        or UsingDirectiveSyntax
        or EqualsValueClauseSyntax { Parent: ParameterSyntax }
        || (node is FieldDeclarationSyntax field && field.Modifiers.Any(SyntaxKind.ConstKeyword))
        || (node is LocalDeclarationStatementSyntax { IsConst: true });

    private void Add(SyntaxNode node, Form form, string name, bool isCheck, string replacement = "")
    {
        var line = node.GetLocation().GetLineSpan().StartLinePosition.Line;
        found.Add(new Mutant
        {
            Id = nextId(),
            Form = form,
            Node = node,
            Replacement = replacement,
            Operator = name,
            RemovesCheck = isCheck,
            IsStatic = node.Ancestors().Any(IsInitialisation),
            File = file,
            Line = line + 1,
            LineText = model.SyntaxTree.GetText().Lines[line].ToString().Trim(),
            Member = node.AncestorsAndSelf().Select(a => members.TryGetValue(a, out var member) ? member : -1).First(member => member >= 0),
        });
    }

    private static bool IsInitialisation(SyntaxNode node) =>
        (node is BaseFieldDeclarationSyntax field && field.Modifiers.Any(SyntaxKind.StaticKeyword))
        || (node is ConstructorDeclarationSyntax constructor && constructor.Modifiers.Any(SyntaxKind.StaticKeyword))
        || (node is EqualsValueClauseSyntax { Parent: PropertyDeclarationSyntax property } && property.Modifiers.Any(SyntaxKind.StaticKeyword));
}
