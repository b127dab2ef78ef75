"""What pyradiomics calls the features that IBSI has reference values for, and the values."""

import csv

_TAGS = {
    "shape": """MeshVolume morph_volume, VoxelVolume morph_vol_approx, SurfaceArea morph_area_mesh,
        SurfaceVolumeRatio morph_av, Sphericity morph_sphericity, Maximum3DDiameter morph_diam,
        MajorAxisLength morph_pca_maj_axis, MinorAxisLength morph_pca_min_axis,
        LeastAxisLength morph_pca_least_axis, Elongation morph_pca_elongation, Flatness morph_pca_flatness""",
    "firstorder": """Mean stat_mean, Variance stat_var, Skewness stat_skew, Kurtosis stat_kurt, Median stat_median,
        Minimum stat_min, 10Percentile stat_p10, 90Percentile stat_p90, Maximum stat_max,
        InterquartileRange stat_iqr, Range stat_range, MeanAbsoluteDeviation stat_mad,
        RobustMeanAbsoluteDeviation stat_rmad, Energy stat_energy, RootMeanSquared stat_rms, Entropy ih_entropy,
        Uniformity ih_uniformity""",
    "glcm": """MaximumProbability cm_joint_max, JointAverage cm_joint_avg, SumSquares cm_joint_var,
        JointEntropy cm_joint_entr, DifferenceAverage cm_diff_avg, DifferenceVariance cm_diff_var,
        DifferenceEntropy cm_diff_entr, SumAverage cm_sum_avg, ClusterTendency cm_clust_tend,
        SumEntropy cm_sum_entr, JointEnergy cm_energy, Contrast cm_contrast, Id cm_inv_diff,
        Idn cm_inv_diff_norm, Idm cm_inv_diff_mom, Idmn cm_inv_diff_mom_norm, InverseVariance cm_inv_var,
        Correlation cm_corr, Autocorrelation cm_auto_corr, ClusterShade cm_clust_shade,
        ClusterProminence cm_clust_prom, Imc1 cm_info_corr1, Imc2 cm_info_corr2""",
    "glrlm": """ShortRunEmphasis rlm_sre, LongRunEmphasis rlm_lre, LowGrayLevelRunEmphasis rlm_lgre,
        HighGrayLevelRunEmphasis rlm_hgre, ShortRunLowGrayLevelEmphasis rlm_srlge,
        ShortRunHighGrayLevelEmphasis rlm_srhge, LongRunLowGrayLevelEmphasis rlm_lrlge,
        LongRunHighGrayLevelEmphasis rlm_lrhge, GrayLevelNonUniformity rlm_glnu,
        GrayLevelNonUniformityNormalized rlm_glnu_norm, RunLengthNonUniformity rlm_rlnu,
        RunLengthNonUniformityNormalized rlm_rlnu_norm, RunPercentage rlm_r_perc, GrayLevelVariance rlm_gl_var,
        RunVariance rlm_rl_var, RunEntropy rlm_rl_entr""",
    "glszm": """SmallAreaEmphasis szm_sze, LargeAreaEmphasis szm_lze, LowGrayLevelZoneEmphasis szm_lgze,
        HighGrayLevelZoneEmphasis szm_hgze, SmallAreaLowGrayLevelEmphasis szm_szlge,
        SmallAreaHighGrayLevelEmphasis szm_szhge, LargeAreaLowGrayLevelEmphasis szm_lzlge,
        LargeAreaHighGrayLevelEmphasis szm_lzhge, GrayLevelNonUniformity szm_glnu,
        GrayLevelNonUniformityNormalized szm_glnu_norm, SizeZoneNonUniformity szm_zsnu,
        SizeZoneNonUniformityNormalized szm_zsnu_norm, ZonePercentage szm_z_perc, GrayLevelVariance szm_gl_var,
        ZoneVariance szm_zs_var, ZoneEntropy szm_zs_entr""",
    "ngtdm": """Coarseness ngt_coarseness, Contrast ngt_contrast, Busyness ngt_busyness, Complexity ngt_complexity,
        Strength ngt_strength""",
    "gldm": """LargeDependenceEmphasis ngl_hde, SmallDependenceEmphasis ngl_lde, GrayLevelNonUniformity ngl_glnu,
        DependenceNonUniformity ngl_dcnu, DependenceNonUniformityNormalized ngl_dcnu_norm,
        GrayLevelVariance ngl_gl_var, DependenceVariance ngl_dc_var, DependenceEntropy ngl_dc_entr,
        LowGrayLevelEmphasis ngl_lgce, HighGrayLevelEmphasis ngl_hgce, SmallDependenceLowGrayLevelEmphasis ngl_ldlge,
        SmallDependenceHighGrayLevelEmphasis ngl_ldhge, LargeDependenceLowGrayLevelEmphasis ngl_hdlge,
        LargeDependenceHighGrayLevelEmphasis ngl_hdhge""",
}
_SUFFIX = {"glcm": "_{}_avg", "glrlm": "_{}_avg", "glszm": "_{}", "ngtdm": "_{}", "gldm": "_{}"}


def tags(aggregation):
    """Name of a feature -> IBSI's tag; aggregation is `2_5D` (matrices of all slices merged) or `3D`."""
    return {
        f"original_{name}_{feature}": tag + _SUFFIX.get(name, "").format(aggregation)
        for name, pairs in _TAGS.items()
        for feature, tag in (pair.split() for pair in pairs.split(","))
    }


def reference(path):
    """Tag -> value and tolerance; the values are rounded to three digits."""
    with path.open() as stream:
        rows = [row for row in csv.reader(stream, delimiter=";") if row[0] not in ("reference value", "")]
    found = {}
    for value, tolerance, tag in rows:
        digits = f"{abs(float(value)):.2e}"
        rounding = 0.5 * 10.0 ** (int(digits.partition("e")[2]) - 2) if float(value) else 0.0005
        found[tag] = float(value), max(float(tolerance or 0), rounding)
    return found
